"""The transparency log: entries, blocks, tiles, checkpoints, cosignatures, notices and what follows from them."""
