"""What a policy would do over several cycles: its plans carried out on a paper account whose prices move.

``chance`` draws numbers, ``paths`` moves prices, ``price_file`` reads them from a table, ``running`` carries the plans
out with the real planner, executor and paper venue, ``shortfall`` says what that cost and why, ``summary`` adds up.
"""
