# Up to about 200,000 seats, in two zones at every moment.
ledger = {
  node_type = "HIGHMEM_MEDIUM"
  replicas  = 2
}
record = {
  daily_backup_days   = 30
  weekly_backup_weeks = 14
}
functions = {
  acquire   = { min_instances = 2, max_instances = 40 }
  heartbeat = { min_instances = 3, max_instances = 40 }
  release   = { min_instances = 1, max_instances = 20 }
}
network = {
  functions_cidr = "10.20.0.0/22"
  ledger_cidr    = "10.20.4.0/28"
}
edge = {
  requests_per_minute = 30000
  acquires_per_minute = 6000
}
build = {
  approval = true
}
