package servers

import (
	_ "embed"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
)

// awsAnswers are error answers of AWS; testdata/README.md tells where each text
// was seen.
//
//go:embed testdata/aws_answers.json
var awsAnswers []byte

// awsError is one error answer.
type awsError struct {
	Status        int
	Code, Message string
}

// answer returns the named error with its message filled in.
func answer(name string, args ...any) awsError {
	var all map[string]awsError
	if err := json.Unmarshal(awsAnswers, &all); err != nil {
		panic("servers: testdata/aws_answers.json: " + err.Error())
	}
	e, ok := all[name]
	if !ok {
		panic("servers: no answer " + name + " in testdata/aws_answers.json")
	}
	if len(args) > 0 {
		e.Message = fmt.Sprintf(e.Message, args...)
	}
	return e
}

// writeS3 answers as S3 does.
func (e awsError) writeS3(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/xml")
	w.Header().Set("X-Amz-Request-Id", gateRequest)
	w.WriteHeader(e.Status)
	_, _ = io.WriteString(w, e.s3Body())
}

func (e awsError) s3Body() string {
	body, err := xml.Marshal(struct {
		XMLName                  xml.Name `xml:"Error"`
		Code, Message, RequestId string
	}{Code: e.Code, Message: e.Message, RequestId: gateRequest})
	if err != nil {
		panic("servers: " + err.Error())
	}
	return xml.Header + string(body)
}

// writeSTS answers as STS's query API does.
func (e awsError) writeSTS(w http.ResponseWriter) {
	type detail struct{ Type, Code, Message string }
	writeXML(w, e.Status, struct {
		XMLName   xml.Name `xml:"https://sts.amazonaws.com/doc/2011-06-15/ ErrorResponse"`
		Error     detail
		RequestId string
	}{Error: detail{"Sender", e.Code, e.Message}, RequestId: gateRequest})
}

func writeXML(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "text/xml")
	w.WriteHeader(status)
	if err := xml.NewEncoder(w).Encode(v); err != nil {
		panic("servers: " + err.Error())
	}
}

// gateRequest is the request id of every answer of a double.
const gateRequest = "fleetcost-test-double"
