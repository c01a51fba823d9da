"""From events to a score: the fold, the measures, the card, the score, its words and what would help."""
