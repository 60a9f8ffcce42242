"""Stored clips: how one is packed into a record, records into shards, shards into a dataset."""
