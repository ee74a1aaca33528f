"""Runs that part the subjects: beyond memory in one process, or as shards on any number of machines; see docs/scale.md.

`run_in_parts` derives part after part and puts the whole together; `run_shard` derives one shard of a study, `merge_shards` the
whole from all shards. Every file is the same, byte for byte, as that of a run in memory.
"""

from rules_engine.partitions.plan import Shard
from rules_engine.partitions.running import merge_shards, run_in_parts, run_shard
from rules_engine.partitions.stored import StoredResult

__all__ = ["Shard", "StoredResult", "merge_shards", "run_in_parts", "run_shard"]
