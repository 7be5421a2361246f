"""From finished runs to a page: small records of them, who may be ranked with whom, published rows beside them."""
