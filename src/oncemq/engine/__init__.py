"""The single writer: batches commands, journals their records, releases outputs when what they rest on is durable."""
