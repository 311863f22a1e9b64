"""Tools for authors of decoders: vector files, drafts of mappings, reviews. No event passes through them."""
