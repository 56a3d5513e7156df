# Not executable, for TestCloudBuildFaults.
