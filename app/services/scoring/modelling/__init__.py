"""Fitting and validating scorecards: what is done offline, before a card is published.

    research_labels  the table of labels (`app.services.scoring.labels`) of the research data
    sample           labelled files: what the ledger folded, and what happened later, which the ledger never knows
    design           which measures the fitted card looks at, and what stays an expert's
    binning          where the bins of a measure end (optbinning)
    weights          what each bin adds, all criteria together, in the order that R33 asks for (scipy)
    fitting          whole points for the bins, and what a score means (scikit-learn)
    metrics          how well scores rank, and how sure that is
    fairness         the same for every group, and who would be approved
    boosting         what a machine that may do anything would reach
    weak_spots       what is not good, in sentences computed from the figures
    validation       all of that in one report
    plots, report    the report as JSON and as a page

It needs the optional extra `fit` (`pip install 'credence[fit]'`). The service never imports this package: it reads the
table of points that comes out of it, and nothing else.

Source: scoring.md; docs/scorecard.md; rules R33, R37, R42.
"""
