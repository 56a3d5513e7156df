# This file is maintained automatically by "tofu init".
# Manual edits may be lost in future updates.
#
# The version is chosen; the checksums are the registry's to say: the first
# `tofu init` adds those of its platform, `tofu providers lock -platform=…` those of
# others. Commit what they write.

provider "registry.opentofu.org/hashicorp/google" {
  version     = "7.46.0"
  constraints = "~> 7.46"
}
