"""Pages about finished runs: self-contained HTML, drawn from the ledger. `ktrdr.operations.REPORTS` names each."""
