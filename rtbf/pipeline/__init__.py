"""The order of the stages and the lawful moves between them; torch-free, and what the API may call.

    received → identifying → locating → planning → awaiting_approval → unlearning → verifying → closed

One file per noun of a ticket's life. Each public function is one transaction: the move, its ledger event, its outbox row
and its record go together or not at all. The executor runs the stages and hands their records back here.
"""
