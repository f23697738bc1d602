"""The canonical layout of YAML files: ``printing.laid_out`` is the door, ``parts`` reads what there is to lay out."""
