"""What Penstock costs beside its peers: one event, the same for all, timed, and every line of every file read again.

    contenders    a module per library: how one opens it, and says the event
    measures      a module per question: which runs there are, what a run does, how the table reads
    child         one run, in a process of its own: no library's global state disturbs another's
    rounds        all runs of a measure, interleaved, round by round
    check         reads what a run wrote, line by line
    table plot    what came out
    goals         the figures to reach, as data
    instructions  the same without a clock: instructions for each event, which no busy machine changes

Run it with ``nox -s bench``. Nothing here is a test: a figure that got worse fails nobody.
"""
