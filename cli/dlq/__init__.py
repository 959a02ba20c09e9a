"""Dead letters for their operator: counted, explained, published again."""
