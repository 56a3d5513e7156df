# One function: a Cloud Run service of the image that serves all of them.
locals {
  # Users come through the load balancer alone, and the function itself checks who
  # calls. Whoever else calls is asked for by IAM first: the scheduler from within
  # the project, the vendor's staff from anywhere.
  public = var.callers == "users"
  ingress = {
    users     = "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER"
    scheduler = "INGRESS_TRAFFIC_INTERNAL_ONLY"
    staff     = "INGRESS_TRAFFIC_ALL"
  }
}

resource "google_cloud_run_v2_service" "this" {
  count    = var.image == null ? 0 : 1
  project  = var.project_id
  location = var.region
  name     = var.name
  labels   = var.labels

  ingress              = local.ingress[var.callers]
  invoker_iam_disabled = local.public
  default_uri_disabled = local.public
  custom_audiences     = var.audiences
  # Never before the first revision is ready (var.protect).
  deletion_protection = var.protect

  template {
    labels                           = var.labels
    service_account                  = var.service_account
    execution_environment            = "EXECUTION_ENVIRONMENT_GEN2"
    max_instance_request_concurrency = var.size.concurrency
    timeout                          = var.size.timeout

    scaling {
      min_instance_count = var.size.min_instances
      max_instance_count = var.size.max_instances
    }

    # Without it a function goes out to the internet alone. (By a word of its own: the
    # network's id is not known before the first apply, and policies must see this.)
    dynamic "vpc_access" {
      for_each = var.ledger ? [true] : []
      content {
        egress = "PRIVATE_RANGES_ONLY" # Google's APIs the short way, the ledger by the network
        network_interfaces {
          network    = var.network
          subnetwork = var.subnetwork
        }
      }
    }

    containers {
      image = var.image
      ports {
        container_port = 8080
      }
      resources {
        limits = { cpu = var.size.cpu, memory = var.size.memory }
        # No work is left after an answer. Billed by instances, CPU is there
        # between answers too, and no request has a fee.
        cpu_idle          = var.size.billing == "requests"
        startup_cpu_boost = true
      }

      dynamic "env" {
        for_each = merge(
          # One organization has half of these at most, a fifth beside others, so one
          # that floods leaves room on every instance.
          { MAX_IN_FLIGHT = tostring(var.size.concurrency) },
          var.environment,
          { FUNCTION_TARGET = var.target },
        )
        content {
          name  = env.key
          value = env.value
        }
      }

      dynamic "env" {
        for_each = var.secrets
        content {
          name = env.key
          value_source {
            secret_key_ref {
              secret  = env.value.secret
              version = env.value.version
            }
          }
        }
      }

      # /startup tries what a new instance cannot do without: of heartbeat and release
      # the ledger alone, so that they scale while the record or the key is away, of
      # control, admin and deliver the record alone, so that one can look and mend while the ledger is. The
      # way to the ledger may take a minute to open, and a new installation's first
      # delegation comes when the reaper has started: four minutes, Cloud Run's most.
      startup_probe {
        period_seconds    = 3
        timeout_seconds   = 3 # above the 2 s that /startup gives its checks
        failure_threshold = 80
        http_get {
          path = "/startup"
        }
      }
      # /live says that the process answers, whatever its backends do: a restart
      # mends no backend.
      liveness_probe {
        period_seconds    = 30
        timeout_seconds   = 5
        failure_threshold = 3
        http_get {
          path = "/live"
        }
      }
    }
  }

  traffic {
    type    = "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST"
    percent = 100
  }

  lifecycle {
    # Releases are the pipeline's: it deploys images, which leaves labels and
    # annotations of its own, and moves traffic, and may have moved it back.
    # Everything else is decided here. Not the revision's name: kept, it would be
    # given to the next revision too, which Cloud Run refuses.
    ignore_changes = [
      client,
      client_version,
      template[0].annotations,
      template[0].containers[0].image,
      template[0].labels,
      traffic,
    ]
  }
}
