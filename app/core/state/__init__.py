"""The state of the ledger: citizens' keys, accounts, the trie over them, sealing, and what is destroyed when."""
