"""A second reading of the contract: plans computed again, and compared with the product's."""
