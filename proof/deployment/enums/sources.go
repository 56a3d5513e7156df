//go:build apitypes

package enums

// What the test reads the enums of Google's APIs from. It reads the sources, and
// links none of this: computepb alone takes minutes to compile. These imports keep
// the modules in go.mod, at versions that go.sum knows.
import (
	_ "cloud.google.com/go/artifactregistry/apiv1/artifactregistrypb"
	_ "cloud.google.com/go/billing/budgets/apiv1/budgetspb"
	_ "cloud.google.com/go/cloudbuild/apiv1/v2/cloudbuildpb"
	_ "cloud.google.com/go/compute/apiv1/computepb"
	_ "cloud.google.com/go/firestore/apiv1/admin/adminpb"
	_ "cloud.google.com/go/iam/apiv1/iampb"
	_ "cloud.google.com/go/kms/apiv1/kmspb"
	_ "cloud.google.com/go/memorystore/apiv1/memorystorepb"
	_ "cloud.google.com/go/monitoring/apiv3/v2/monitoringpb"
	_ "cloud.google.com/go/monitoring/dashboard/apiv1/dashboardpb"
	_ "cloud.google.com/go/run/apiv2/runpb"
	_ "cloud.google.com/go/scheduler/apiv1/schedulerpb"
	_ "google.golang.org/api/identitytoolkit/v2"
	_ "google.golang.org/genproto/googleapis/api/label"
	_ "google.golang.org/genproto/googleapis/api/metric"
	_ "google.golang.org/genproto/googleapis/type/dayofweek"
)
