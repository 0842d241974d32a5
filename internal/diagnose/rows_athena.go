package diagnose

// athenaRows are failures to read a bill through Amazon Athena.
func athenaRows() []row {
	return append(athenaSetupRows(), athenaQueryRows()...)
}

func athenaSetupRows() []row {
	const athenaActions = `["athena:StartQueryExecution", "athena:GetQueryExecution", "athena:GetQueryResults", "athena:StopQueryExecution", "athena:GetWorkGroup"]`
	workgroupARN := `"arn:{{partition}}:athena:{{region}}:{{caller-account}}:workgroup/{{workgroup}}"`
	results := allow(onIdentity, `["s3:GetBucketLocation", "s3:ListBucket", "s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload"]`, `["arn:{{partition}}:s3:::{{bucket}}", "arn:{{partition}}:s3:::{{bucket}}/*"]`)
	return []row{
		{
			ID:       "athena-denied",
			general:  true,
			Title:    "{{who}} may not run queries on Athena workgroup {{workgroup}}",
			Cause:    "{{action}} is not allowed on the workgroup. Where none is configured the workgroup is primary, which companies often forbid.",
			Fix:      "Grant the five Athena actions on the workgroup, or name a workgroup that the role may use.",
			identity: true,
			Snippets: []Snippet{allow(onIdentity, athenaActions, workgroupARN)},
			Basis:    Recorded, Source: "github.com/dbeaver/dbeaver/issues/21424, github.com/grafana/athena-datasource/issues/156",
			Match: []pattern{
				{text: "not authorized to perform: athena:"}, {code: denied, action: "athena:*"},
			},
			Examples: []string{
				`operation error Athena: StartQueryExecution, https response error StatusCode: 400, RequestID: 11111111-2222, api error AccessDeniedException: You are not authorized to perform: athena:StartQueryExecution on the resource. After your AWS administrator or you have updated your permissions, please try again.`,
				`AccessDeniedException: User: arn:aws:sts::111122223333:assumed-role/CostReader/s is not authorized to perform: athena:StartQueryExecution on resource: arn:aws:athena:us-east-1:111122223333:workgroup/primary because no identity-based policy allows the athena:StartQueryExecution action status code: 400, request id: 0722a7a2-8c8f-4e51-aaec-4b6ae2339a0c`,
			},
		},
		{
			ID:       "athena-no-output-location",
			Title:    "Athena does not know where to write results",
			Cause:    "Neither the workgroup nor the request names a place for query results.",
			Fix:      "Set it on the workgroup, or in the configuration.",
			Snippets: []Snippet{command("on the workgroup", "aws athena update-work-group --work-group {{workgroup}} --region {{region}} --configuration-updates 'ResultConfigurationUpdates={OutputLocation=s3://{{bucket}}/}'")},
			Basis:    Recorded, Source: fromOpenCost,
			Match:    []pattern{{text: "no output location provided"}},
			Examples: []string{`operation error Athena: StartQueryExecution, https response error StatusCode: 400, RequestID: 11111111-2222, InvalidRequestException: No output location provided. An output location is required either through the Workgroup result configuration setting or as an API input.`},
		},
		{
			ID:       "athena-output-location-invalid",
			Title:    "The place for Athena's results is not an S3 path",
			Cause:    "The configured place lacks s3:// or is not a path.",
			Fix:      "Write it as s3://bucket/prefix/.",
			Basis:    Recorded,
			Source:   fromOpenCost,
			Match:    []pattern{{text: "outputlocation is not a valid s3 path"}},
			Examples: []string{`InvalidRequestException: outputLocation is not a valid S3 path.`},
		},
		{
			ID:       "athena-output-bucket",
			Title:    "Athena cannot use bucket {{bucket}} for results",
			Cause:    "The bucket for query results does not exist, is in another region than Athena, or the role may not look at it.",
			Fix:      "Create it in Athena's region, and grant these actions on it.",
			identity: true,
			Snippets: []Snippet{results},
			Basis:    Recorded, Source: fromOpenCost,
			Match:    []pattern{{text: "unable to verify/create output bucket"}},
			Examples: []string{`InvalidRequestException: Unable to verify/create output bucket fleet-athena-results`},
		},
		{
			ID:       "athena-managed-results",
			Title:    "The workgroup manages results itself and takes no place for them",
			Cause:    "The workgroup has managed query results, and the request names an output location besides.",
			Fix:      "Leave the output location out; results are then read page by page.",
			Basis:    Recorded,
			Source:   "github.com/opencost/opencost/issues/3257",
			Match:    []pattern{{text: "managedqueryresultsconfiguration and resultconfiguration cannot be set together"}},
			Examples: []string{`InvalidRequestException: ManagedQueryResultsConfiguration and ResultConfiguration cannot be set together`},
		},
		{
			ID:       "athena-location-overridden",
			Title:    "The workgroup overrides the place for results",
			Cause:    "The workgroup enforces its own settings (EnforceWorkGroupConfiguration), so the configured output location is ignored without a word.",
			Fix:      "Grant access to the bucket that the workgroup names, or stop it from enforcing.",
			Snippets: []Snippet{command("what the workgroup says", "aws athena get-work-group --work-group {{workgroup}} --region {{region}} --query WorkGroup.Configuration"), results},
			Basis:    Memory,
			Match:    []pattern{{text: "enforceworkgroupconfiguration"}},
			Examples: []string{`query results lie in s3://other/, not in s3://fleet-athena-results/: the workgroup has EnforceWorkGroupConfiguration=true`},
		},
		{
			ID:       "athena-workgroup",
			Title:    "Athena has no usable workgroup {{workgroup}}",
			Cause:    "There is no workgroup of this name in this region and account, or it is disabled.",
			Fix:      "Correct the name or the region, or enable it.",
			Snippets: []Snippet{command("look", "aws athena get-work-group --work-group {{workgroup}} --region {{region}}")},
			Basis:    Recorded, Source: fromOpenCost,
			Match:    []pattern{{text: "workgroup is not found"}, {text: "workgroup&is disabled"}, {text: "workgroup&is not found"}},
			Examples: []string{`InvalidRequestException: WorkGroup is not found.`, `InvalidRequestException: WorkGroup costs is disabled`},
		},
		{
			ID:       "athena-throttled",
			Title:    "Athena's quotas are reached",
			Cause:    "Too many queries run at once in the account, or too many calls were made per second.",
			Fix:      "Usually nothing: one query per bill runs at a time, and waits. If it lasts, others use up the quota: ask AWS for more.",
			Basis:    Recorded,
			Source:   fromOpenCost,
			Match:    []pattern{{code: "TooManyRequestsException"}, {code: "ThrottlingException|Throttling"}, {text: "limit for the number of queries you can run concurrently"}, {text: "rate exceeded"}},
			Examples: []string{`operation error Athena: StartQueryExecution, https response error StatusCode: 400, RequestID: 11111111-2222, TooManyRequestsException: You have exceeded the limit for the number of queries you can run concurrently. Please reduce the number of concurrent queries submitted by this account.`, `api error ThrottlingException: Rate exceeded`},
		},
		{
			ID:       "glue-denied",
			general:  true,
			Title:    "{{who}} may not read the Glue catalog",
			Cause:    "Athena looks the table up in AWS Glue, and the caller lacks {{action}} there.",
			Fix:      "Grant the read actions on the catalog, the database and its tables (Athena also asks for database/default).",
			identity: true,
			Snippets: []Snippet{allow(onIdentity, `["glue:GetDatabase", "glue:GetDatabases", "glue:GetTable", "glue:GetTables", "glue:GetPartition", "glue:GetPartitions", "glue:BatchGetPartition"]`, `[
        "arn:{{partition}}:glue:{{region}}:{{caller-account}}:catalog",
        "arn:{{partition}}:glue:{{region}}:{{caller-account}}:database/default",
        "arn:{{partition}}:glue:{{region}}:{{caller-account}}:database/{{database}}",
        "arn:{{partition}}:glue:{{region}}:{{caller-account}}:table/{{database}}/*"
      ]`)},
			Basis: Recorded, Source: "github.com/dacort/metabase-athena-driver/issues/105, github.com/ultorg/public_issues/issues/63",
			Match: []pattern{
				{text: "not authorized to perform: glue:"},
				{code: denied, action: "glue:*"},
				{text: "insufficient permissions to execute the query"},
			},
			Examples: []string{
				`FAILED: Insufficient permissions to execute the query. User: arn:aws:sts::111122223333:assumed-role/CostReader/s is not authorized to perform: glue:GetTable on resource: arn:aws:glue:eu-west-1:111122223333:table/cur_db/cur because no identity-based policy allows the glue:GetTable action`,
			},
		},
		{
			ID:       "lake-formation-denied",
			Title:    "Lake Formation does not let {{who}} read {{table}}",
			Cause:    "AWS Lake Formation governs the table, and IAM permissions alone do not count there.",
			Fix:      "Grant SELECT and DESCRIBE in Lake Formation, and lakeformation:GetDataAccess in IAM.",
			identity: true,
			Snippets: []Snippet{
				command("in Lake Formation", `aws lakeformation grant-permissions --principal DataLakePrincipalIdentifier={{identity-arn}} --permissions SELECT DESCRIBE --resource '{"Table":{"DatabaseName":"{{database}}","Name":"{{table}}"}}'`),
				allow(onIdentity, `"lakeformation:GetDataAccess"`, `"*"`),
			},
			Basis: Recorded, Source: fromOpenCost,
			Match:    []pattern{{text: "insufficient lake formation permission"}},
			Examples: []string{`Insufficient Lake Formation permission(s): Required Select on cur`},
		},
	}
}

func athenaQueryRows() []row {
	return []row{
		{
			ID:       "athena-table-not-found",
			Title:    "Athena does not find the bill's table or database",
			Cause:    "Database {{database}} or table {{table}} does not exist in this region's catalog: a typing error, another region, or the crawler of the export has not run yet. A name with a hyphen needs quotes.",
			Fix:      "Look what is there, and correct the configuration. With the stack that AWS makes for a cost report, the table has the database's name without athenacurcfn_.",
			Snippets: []Snippet{command("what is there", "aws glue get-databases --region {{region}} --query 'DatabaseList[].Name'\naws glue get-tables --database-name {{database}} --region {{region}} --query 'TableList[].Name'")},
			Basis:    Recorded, Source: "github.com/kubecost/kubecost/issues/2290, github.com/mtxr/vscode-sqltools/issues/1120",
			Match: []pattern{
				{text: "table_not_found"}, {text: "schema_not_found"}, {code: "EntityNotFoundException"}, {text: "syntax_error&table&does not exist"}, {text: "syntax_error&schema&does not exist"},
			},
			Examples: []string{
				`TABLE_NOT_FOUND: line 1:15: Table 'awsdatacatalog.cur_db.cur' does not exist`, `SYNTAX_ERROR: line 6:7: Schema cost_and_usage_reports does not exist`,
			},
		},
		{
			ID:       "athena-column-not-found",
			Title:    "The bill's table has no column {{column}}",
			Cause:    "The export was made without resource ids, or the table is of another kind (CUR 2.0 or FOCUS in place of the legacy report), or Lake Formation hides columns from the caller.",
			Fix:      "Make the export again with resource ids; set the kind of the bill; check column filters in Lake Formation.",
			Snippets: []Snippet{command("the columns that are there", "aws glue get-table --database-name {{database}} --name {{table}} --region {{region}} --query 'Table.StorageDescriptor.Columns[].Name'")},
			Basis:    Recorded, Source: fromOpenCost,
			Match:    []pattern{{text: "column_not_found"}, {text: "cannot be resolved or requester is not authorized"}, {text: "syntax_error&column&cannot be resolved"}},
			Examples: []string{`COLUMN_NOT_FOUND: line 3:7: Column 'line_item_resource_id' cannot be resolved or requester is not authorized to access requested resources`, `SYNTAX_ERROR: line 3:7: Column 'line_item_resource_id' cannot be resolved`},
		},
		{
			ID:       "athena-no-columns",
			Title:    "The bill's table has no columns",
			Cause:    "information_schema knows no column of the table. There is no error for it: the database or table name is wrong, or Lake Formation hides the table.",
			Fix:      "Correct the names; grant DESCRIBE in Lake Formation.",
			Snippets: []Snippet{command("what is there", "aws glue get-tables --database-name {{database}} --region {{region}} --query 'TableList[].Name'")},
			Basis:    Memory,
			Match:    []pattern{{text: "information_schema&no columns"}, {text: "information_schema&0 rows"}},
			Examples: []string{`read the columns of cur_db.cur: information_schema has no columns of it`},
		},
		{
			ID:       "athena-source-denied",
			Title:    "{{who}} may not read the files of the bill",
			Cause:    "The query was let in, but not the files below the table: the role lacks s3:GetObject and s3:ListBucket on the bill's bucket, or kms:Decrypt on its key, or the bucket of another account does not name the role.",
			Fix:      "Grant reading on the bill's bucket; the caller's permissions count, not Athena's.",
			identity: true,
			Snippets: []Snippet{allow(onIdentity, `["s3:GetObject", "s3:ListBucket", "s3:GetBucketLocation"]`, `["arn:{{partition}}:s3:::{{bucket}}", "arn:{{partition}}:s3:::{{bucket}}/*"]`)},
			Basis:    Recorded, Source: fromOpenCost,
			Match:    []pattern{{text: "permission denied on s3 path"}, {text: "hive_cursor_error&access denied"}, {text: "hive_filesystem_error&access denied"}, {text: "hive_cannot_open_split&access denied"}},
			Examples: []string{`Permission denied on S3 path: s3://billing-export/cur/year=2026/month=11/`, `HIVE_CURSOR_ERROR: Failed to read s3://billing-export/cur/x.parquet: Access Denied (Service: Amazon S3; Status Code: 403; Error Code: AccessDenied)`},
		},
		{
			ID:       "athena-results-denied",
			Title:    "{{who}} may not write query results",
			Cause:    "The query ran, but its results could not be written: s3:PutObject is missing on the place for results, or kms:GenerateDataKey on its key, or the bucket has another owner than expected.",
			Fix:      "Grant writing there.",
			identity: true,
			Snippets: []Snippet{allow(onIdentity, `["s3:PutObject", "s3:GetObject", "s3:AbortMultipartUpload"]`, `"arn:{{partition}}:s3:::{{bucket}}/*"`)},
			Basis:    Memory,
			Match:    []pattern{{text: "access denied when writing output"}, {text: "failed to write query result to s3"}},
			Examples: []string{`Access denied when writing output to url: s3://fleet-athena-results/1234.csv. Please ensure you are allowed to access the S3 bucket.`},
		},
		{
			ID:       "athena-bad-data",
			Title:    "The bill's files and the table do not fit together",
			Cause:    "A column changed its type from one month to the next, a partition has another schema than the table, or files that are no bill lie below the table (metadata).",
			Fix:      "Run the crawler again with \"update all new and existing partitions with metadata from the table\"; keep the metadata folder out of it.",
			Snippets: []Snippet{command("load partitions that are missing", "aws athena start-query-execution --work-group {{workgroup}} --region {{region}} --query-string 'MSCK REPAIR TABLE {{database}}.{{table}}'")},
			Basis:    Recorded, Source: "github.com/aws-solutions-library-samples/cloud-intelligence-dashboards-data-collection/issues/341",
			Match:    []pattern{{text: "hive_partition_schema_mismatch"}, {text: "hive_bad_data"}, {text: "hive_invalid_metadata"}},
			Examples: []string{`HIVE_PARTITION_SCHEMA_MISMATCH: There is a mismatch between the table and partition schemas. The types are incompatible and cannot be coerced.`, `HIVE_BAD_DATA: Field line_item_blended_cost's type BINARY in parquet file s3://billing-export/cur/x.parquet is incompatible with type double`},
		},
		{
			ID:       "athena-exhausted",
			Title:    "The query is too large for Athena",
			Cause:    "It ran out of memory or time, or the workgroup's limit of scanned bytes stopped it: the window is too wide, or the table has no partition to limit it.",
			Fix:      "Ask for a shorter window, partition the table, or raise the workgroup's limit.",
			Basis:    Recorded,
			Source:   fromOpenCost,
			Match:    []pattern{{text: "query exhausted resources"}, {text: "query timeout"}, {text: "bytes scanned limit was exceeded"}},
			Examples: []string{`Query exhausted resources at this scale factor`, `Bytes scanned limit was exceeded`},
		},
	}
}
