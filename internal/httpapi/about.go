package httpapi

import "fmt"

// About is the data of /api/v1/about.
type About struct {
	Version     string        `json:"version" doc:"of the server"`
	Revision    string        `json:"revision,omitempty" doc:"commit that it was built of"`
	BuiltAt     string        `json:"builtAt,omitempty" doc:"time of that commit"`
	Go          string        `json:"go"`
	Platform    string        `json:"platform"`
	Engine      string        `json:"engine" doc:"the database engine and its version"`
	Format      string        `json:"format" doc:"version of the bucket format that it reads up to"`
	DataVersion string        `json:"dataVersion"`
	Licence     string        `json:"licence" doc:"of the program itself, SPDX"`
	Storage     AboutStorage  `json:"storage"`
	Modules     []AboutModule `json:"modules" nullable:"false" doc:"Go modules that the program was built of; their licences are in the pages' licences-go.json"`
	Prices      []AboutPrices `json:"prices" nullable:"false" doc:"where the embedded price books come from"`
}

// AboutStorage is where the bucket lies. It holds no secrets.
type AboutStorage struct {
	Address    string `json:"address" doc:"as in the logs: s3://name/prefix"`
	Type       string `json:"type,omitempty" doc:"of the storage config: S3, GCS, AZURE, FILESYSTEM"`
	Bucket     string `json:"bucket,omitempty"`
	Prefix     string `json:"prefix,omitempty"`
	Region     string `json:"region,omitempty"`
	Endpoint   string `json:"endpoint,omitempty"`
	CallerARN  string `json:"callerArn,omitempty" doc:"whose credentials are in use, as AWS STS said; absent until that is known, and where no service tells it"`
	ConfigFile string `json:"configFile,omitempty" doc:"path of the storage config on the server"`
}

// AboutModule is a Go module.
type AboutModule struct {
	Path    string `json:"path"`
	Version string `json:"version"`
}

// AboutPrices is the origin of embedded prices.
type AboutPrices struct {
	Books   []string `json:"books" nullable:"false"`
	What    string   `json:"what"`
	Origin  string   `json:"origin" doc:"address of the project that collected them"`
	AsOf    string   `json:"asOf" doc:"date of the prices"`
	Licence string   `json:"licence" doc:"SPDX"`
	Holder  string   `json:"holder" doc:"of the copyright"`
}

func (a *API) registerAbout() {
	register[NoParams, About](a, Dialect{}, route{
		path: "/api/v1/about", tag: settingsTag,
		summary: "What is running, on which storage, and made of what",
	}, func(r *request, _ *NoParams) (*reply, error) {
		about, err := a.cfg.About(r.Context())
		if err != nil {
			return nil, fmt.Errorf("describe the server: %w", err)
		}
		return &reply{data: about}, nil
	})
}
