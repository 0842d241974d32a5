package simulate

// profile is the recipe of one cluster of the fleet.
type profile struct {
	name, region string
	about        string
	cloud        cloud
	share        int // weight of its size
	zoneHours    int // local time minus UTC

	env          string // label env; prod, staging, dev
	teams        int    // how many teams it hosts
	spotPercent  int    // share of deployments that run on the spot pool
	scalePercent int    // share of deployments that are autoscaled
	jobPercent   int    // share of workloads that are cron jobs
	gpuWorkloads int
	nightsOff    bool // everything but the system sleeps at night and on weekends
	idleNodes    int  // nodes that run daemons only
	fill         int  // percent of a node that requests fill
	load         float64

	young, gap, late, silent bool
}

// profiles are the clusters of the default fleet; a bigger fleet repeats them.
var profiles = []profile{
	{
		name: "prod-us-east", region: "us-east-1", about: "the big one: AWS, autoscaled, GPU pool, spot pool",
		cloud: awsCloud("us-east-1a", "us-east-1b", "us-east-1c"), share: 24, zoneHours: -5,
		env: "prod", teams: 9, spotPercent: 15, scalePercent: 35, jobPercent: 10, gpuWorkloads: 2, fill: 78, load: 0.55,
	},
	{
		name: "prod-eu-west", region: "westeurope", about: "Azure, steady load, T4 inference",
		cloud: azureCloud("westeurope-1", "westeurope-2"), share: 15, zoneHours: 1,
		env: "prod", teams: 7, scalePercent: 30, jobPercent: 10, gpuWorkloads: 1, fill: 72, load: 0.5,
	},
	{
		name: "prod-us-central", region: "us-central1", about: "GCP, strongly diurnal",
		cloud: gcpCloud("us-central1-a", "us-central1-b", "us-central1-f"), share: 13, zoneHours: -6,
		env: "prod", teams: 6, spotPercent: 10, scalePercent: 60, jobPercent: 10, fill: 75, load: 0.6,
	},
	{
		name: "batch-us", region: "us-east-1", about: "a spot fleet for batch: nodes come and go",
		cloud: awsCloud("us-east-1a", "us-east-1d"), share: 9, zoneHours: -5,
		env: "prod", teams: 3, spotPercent: 100, jobPercent: 45, fill: 80, load: 0.8,
	},
	{
		name: "ml-us-central", region: "us-central1", about: "training: A100 nodes, one of them waiting",
		cloud: gcpCloud("us-central1-a"), share: 5, zoneHours: -8,
		env: "prod", teams: 2, jobPercent: 20, gpuWorkloads: 2, fill: 60, load: 0.7,
	},
	{
		name: "staging-eu", region: "westeurope", about: "staging on Azure, off at night and on weekends",
		cloud: azureCloud("westeurope-1"), share: 8, zoneHours: 1,
		env: "staging", teams: 6, nightsOff: true, scalePercent: 20, jobPercent: 5, fill: 65, load: 0.25,
	},
	{
		name: "dev-us-central", region: "us-central1", about: "development on GCP, spot, over-requested",
		cloud: gcpCloud("us-central1-c"), share: 7, zoneHours: -6,
		env: "dev", teams: 8, nightsOff: true, spotPercent: 70, scalePercent: 0, jobPercent: 5, fill: 70, load: 0.15,
	},
	{
		name: "onprem-fra", region: "fra-dc2", about: "bare metal, MetalLB, Ceph; a gap in its data",
		cloud: onPremCloud("rack-a", "rack-b"), share: 8, zoneHours: 1,
		env: "prod", teams: 4, scalePercent: 10, jobPercent: 10, fill: 60, load: 0.45, gap: true,
	},
	{
		name: "sandbox-us", region: "us-west-2", about: "idle: nodes that run daemons and nothing else",
		cloud: awsCloud("us-west-2a"), share: 0, zoneHours: -8,
		env: "dev", idleNodes: 5, fill: 60, load: 0.1,
	},
	{
		name: "prod-ap-southeast", region: "southeastasia", about: "Azure in Asia; its agent is hours late",
		cloud: azureCloud("southeastasia-1", "southeastasia-2"), share: 6, zoneHours: 8,
		env: "prod", teams: 5, scalePercent: 40, jobPercent: 10, fill: 70, load: 0.5, late: true,
	},
	{
		name: "edge-store-042", region: "store-042", about: "three machines in a shop; silent for days",
		cloud: onPremCloud("store"), share: 2, zoneHours: -5,
		env: "prod", teams: 1, jobPercent: 20, fill: 50, load: 0.3, silent: true,
	},
	{
		name: "new-eu-north", region: "eu-north-1", about: "a young cluster, a third of the fleet's age",
		cloud: awsCloud("eu-north-1a", "eu-north-1b"), share: 3, zoneHours: 1,
		env: "prod", teams: 3, spotPercent: 20, scalePercent: 30, jobPercent: 10, fill: 65, load: 0.4, young: true,
	},
}
