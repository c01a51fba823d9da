"""Fitting and validating scorecards: what is done offline, before a card is published.

    sample       labelled files: what the ledger folded, and what happened later, which the ledger never knows
    binning      where the bins of a measure end (optbinning)
    fitting      whole points for the bins (scikit-learn), and what a score means
    metrics      how well scores rank, and how sure that is
    fairness     the same for every group, and who would be approved
    validation   all of that in one report, with what a machine that may do anything would reach
    report       the report as JSON and as a page

It needs the optional extra `fit` (`pip install 'credence[fit]'`). The service never imports this package: it reads the
table of points that comes out of it, and nothing else.

Source: scoring.md; docs/scorecard.md; rules R33, R37, R42.
"""
