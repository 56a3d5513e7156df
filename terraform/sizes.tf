# What size means. Both sizes differ only in what can be changed in place, so that a
# small installation grows into a large one by one word; ranges of addresses, names
# and locations are the same in both. docs/operations.md has the arithmetic.
locals {
  sizes = {
    # The least that keeps every promise. A node of CUSTOM_PICO holds 1.08 GB,
    # about two million seats, and has an SLA; what it lacks is CPU.
    small = {
      ledger = { node_type = "CUSTOM_PICO", replicas = 1 }
      record = { daily_backup_days = 7, weekly_backup_weeks = 14 }
      functions = {
        acquire   = { min_instances = 1, max_instances = 4 }
        heartbeat = { min_instances = 1, max_instances = 4 }
        release   = { min_instances = 0, max_instances = 4 }
        reaper    = { min_instances = 0, max_instances = 2 }
        control   = { min_instances = 0, max_instances = 2 }
        admin     = { min_instances = 0, max_instances = 3 }
        deliver   = { min_instances = 0, max_instances = 2 }
      }
      edge  = { requests_per_minute = 6000, acquires_per_minute = 1200, admin_requests_per_minute = 600 }
      build = { approval = false }
    }
    # In two zones at every moment.
    production = {
      ledger = { node_type = "HIGHMEM_MEDIUM", replicas = 2 }
      record = { daily_backup_days = 30, weekly_backup_weeks = 14 }
      functions = {
        acquire   = { min_instances = 2, max_instances = 40 }
        heartbeat = { min_instances = 3, max_instances = 40 }
        release   = { min_instances = 1, max_instances = 20 }
        reaper    = { min_instances = 0, max_instances = 2 }
        control   = { min_instances = 0, max_instances = 2 }
        admin     = { min_instances = 0, max_instances = 6 }
        deliver   = { min_instances = 0, max_instances = 2 }
      }
      edge  = { requests_per_minute = 30000, acquires_per_minute = 6000, admin_requests_per_minute = 1200 }
      build = { approval = true }
    }
  }
  # Of every size.
  instance = {
    acquire   = { concurrency = 200, cpu = "1", memory = "512Mi", timeout = "15s", billing = "requests" }
    heartbeat = { concurrency = 400, cpu = "1", memory = "512Mi", timeout = "15s", billing = "requests" }
    release   = { concurrency = 200, cpu = "1", memory = "512Mi", timeout = "15s", billing = "requests" }
    reaper    = { concurrency = 4, cpu = "1", memory = "512Mi", timeout = "60s", billing = "requests" }
    control   = { concurrency = 20, cpu = "1", memory = "512Mi", timeout = "15s", billing = "requests" }
    # Its answers are pages of up to 200 sessions, in memory at once.
    admin = { concurrency = 40, cpu = "1", memory = "512Mi", timeout = "15s", billing = "requests" }
    # As the reaper: one run a minute, which may overlap the next.
    deliver = { concurrency = 4, cpu = "1", memory = "512Mi", timeout = "60s", billing = "requests" }
  }

  # The size, and over it whatever was said one by one.
  size = {
    for part, defaults in local.sizes[var.size] : part => merge(defaults, { for k, v in local.said[part] : k => v if v != null && contains(keys(defaults), k) }) if part != "functions"
  }
  said = { ledger = var.ledger, record = var.record, edge = var.edge, build = var.build }
  function_size = {
    for name, defaults in local.sizes[var.size].functions : name => merge(local.instance[name], defaults, { for k, v in var.functions[name] : k => v if v != null })
  }
}
