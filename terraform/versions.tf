# No provider block and no backend: this folder is a module as well as a root.
# root.tf.example holds both for those who apply it as it is.
terraform {
  required_version = ">= 1.10"
  required_providers {
    google = {
      source  = "hashicorp/google"
      version = "~> 7.46"
    }
  }
}
