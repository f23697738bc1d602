"""The pages: one module each, thin over what the executor tells."""
