"""The journal's format and rules: records, answers, snapshots, recovery, verification. The SQL is in adapters/storage."""
