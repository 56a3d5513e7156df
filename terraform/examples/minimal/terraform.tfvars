# Your own values.
project_id    = "acme-licenses"
domain        = "licenses.acme.example"
staff_account = "licensing@acme-licenses.iam.gserviceaccount.com"
alert_email   = "oncall@acme.example"
image         = "us-central1-docker.pkg.dev/acme-licenses/licenses/licenses@sha256:0000000000000000000000000000000000000000000000000000000000000000"
