"""The second engine: the same scorecard over a whole population at once, in columns.

A card that changes scores everybody anew. One file at a time that is `app.core.scoring.score.score_file`, the definition;
here a few thousand files become tables (`reading`, `columns`), and every measure looks at whole tables with numpy. What comes
out is equal in every field, which the tests ask of random files and of all research accounts:

    columns = Columns.of(files)                         or Columns.of_json(their bytes)
    found = score_columns(columns, "2026-11-22", card, CN)
    found.score                                         array([712, 0, ...]): 0 where there is none
    found.scored()                                      [Scored(712, ...), Scored(None, ...), ...]

`calendar` has days as integers, `segments` what is reduced per file, `views` marks and cards as they stand on the day;
`late`, `credit`, `history` and `enough` are the measures, `points` the bins, points, reasons and `until`. Files that
columns cannot judge exactly are left to the reference (`views`); `found.by_reference` counts them.
`rescoring` is what blocks use.

Source: docs/scorecard.md; app.core.scoring.measures, whose results these are; docs/decisions/0014.
"""

from app.services.scoring.population.columns import Columns
from app.services.scoring.population.points import Scores, score_columns
from app.services.scoring.population.rescoring import rescore

__all__ = ["Columns", "Scores", "rescore", "score_columns"]
