# What a stolen account, a broken program or somebody who tries doors looks like. These
# count; whose they are is in the lines, by organization_id and user_digest: no
# metric has every user as a label. One page for all: docs/playbooks/abuse.md.
locals {
  abuse_metrics = {
    # code: 5. Below 50 with operations.
    access_refused = {
      description = "Requests of known users that were refused with 403."
      filter      = ["jsonPayload.outcome=\"refused\"", "httpRequest.status=403"]
      labels = {
        operation = "EXTRACT(jsonPayload.operation)"
        code      = "EXTRACT(jsonPayload.code)"
      }
    }
    # 1 each. Of acquires that were granted: tokens of the license that are good, of
    # sessions and of those that have ended, and its seats.
    tokens_good = {
      description = "Tokens of an acquire's license that are good, also of sessions that have ended."
      filter      = local.tokens_told
      labels      = {}
      value       = "EXTRACT(jsonPayload.tokens_good)"
      unit        = "1"
      bounds      = [1, 10, 100, 1000, 10000, 100000]
    }
    tokens_seats = {
      description = "Seats of the same licenses."
      filter      = local.tokens_told
      labels      = {}
      value       = "EXTRACT(jsonPayload.seats_max)"
      unit        = "1"
      bounds      = [1, 10, 100, 1000, 10000, 100000]
    }
  }

  # A refusal tells the cap that refused, which need not be a license's seats.
  tokens_told = ["jsonPayload.operation=\"acquire\"", "jsonPayload.tokens_good>=0", "jsonPayload.seats_max>0", "NOT jsonPayload.limit:*"]

  # In ten minutes, for ten minutes. An office that comes in the morning stays below
  # them; raise them for a service of more than some ten thousand seats.
  abuse_limits = { sign_in = 500, access = 200, rate = 200, created = 1000 }

  abuse_alerts = {
    sign-in-refused = {
      title    = "Sign-in is refused again and again"
      summary  = "More than ${local.abuse_limits.sign_in} requests in ten minutes had no valid ID token: a program that does not refresh, a changed project, or somebody who tries."
      page     = "abuse"
      look     = "${local.read_logs} 'jsonPayload.code=\"unauthenticated\"'"
      urgency  = "ticket"
      severity = "WARNING"
      query    = "sum(increase(${local.series.requests}{${local.cloud_run},outcome=\"refused\",code=\"unauthenticated\"}[10m])) > ${local.abuse_limits.sign_in}"
      duration = "600s"
    }
    access-refused = {
      title    = "Known users are refused again and again"
      summary  = "More than ${local.abuse_limits.access} requests in ten minutes were answered 403: a license that ended while its programs go on asking, or an account that tries what it may not."
      page     = "abuse"
      look     = "${local.read_logs} 'httpRequest.status=403'"
      urgency  = "ticket"
      severity = "WARNING"
      query    = "sum by (code) (increase(${local.series.access_refused}{${local.cloud_run}}[10m])) > ${local.abuse_limits.access}"
      duration = "600s"
    }
    rate-limited = {
      title    = "Somebody asks too often"
      summary  = "More than ${local.abuse_limits.rate} requests in ten minutes were answered 429: one account in a loop."
      page     = "abuse"
      look     = "${local.read_logs} 'jsonPayload.code=\"rate_limited\"'"
      urgency  = "ticket"
      severity = "WARNING"
      query    = "sum(increase(${local.series.requests}{${local.cloud_run},outcome=\"refused\",code=\"rate_limited\"}[10m])) > ${local.abuse_limits.rate}"
      duration = "600s"
    }
    tokens-per-seat = {
      title    = "More license tokens are good than seats allow"
      summary  = "Tokens that are good, of sessions and of those that have ended, were more than ${var.thresholds.tokens_per_seat} a seat over an hour. Above 1 + handover nothing may be granted; below it, seats go round faster than their tokens end."
      page     = "tokens-per-seat"
      look     = "${local.read_logs} 'jsonPayload.operation=\"acquire\" AND jsonPayload.tokens_good>${var.thresholds.tokens_per_seat}'"
      urgency  = "ticket"
      severity = "ERROR"
      query    = "sum(increase(${local.series.tokens_good}_sum{${local.cloud_run}}[1h])) / sum(increase(${local.series.tokens_seats}_sum{${local.cloud_run}}[1h])) > ${var.thresholds.tokens_per_seat}"
      duration = "600s"
    }
    churn = {
      title    = "Seats are taken faster than they are kept"
      summary  = "More than ${local.abuse_limits.created} seats in ten minutes were taken, and more than heartbeats came: programs that start and end all the time, or one seat that goes round."
      page     = "abuse"
      look     = "${local.read_logs} 'jsonPayload.outcome=\"created\"'"
      urgency  = "ticket"
      severity = "WARNING"
      query    = "sum(increase(${local.series.requests}{${local.cloud_run},operation=\"acquire\",outcome=\"created\"}[10m])) > ${local.abuse_limits.created} and sum(increase(${local.series.requests}{${local.cloud_run},operation=\"acquire\",outcome=\"created\"}[10m])) > (sum(increase(${local.series.requests}{${local.cloud_run},operation=\"heartbeat\",outcome=\"kept\"}[10m])) or vector(0))"
      duration = "600s"
    }
  }
}
