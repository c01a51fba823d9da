"""Cards over a whole population: fitting, comparing, watching them."""
