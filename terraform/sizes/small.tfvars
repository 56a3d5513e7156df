# Up to about 2,000 seats (docs/operations.md has the arithmetic): the least that
# keeps every promise.
ledger = {
  node_type = "STANDARD_SMALL"
  replicas  = 1
}
functions = {
  acquire   = { min_instances = 1, max_instances = 4 }
  heartbeat = { min_instances = 1, max_instances = 4 }
  release   = { min_instances = 0, max_instances = 4 }
}
