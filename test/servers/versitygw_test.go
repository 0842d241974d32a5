package servers_test

import (
	"net/http"
	"testing"

	"github.com/fleetcost/fleetcost/test/servers"
)

func TestVersityGW(t *testing.T) {
	v := servers.StartVersityGW(t)
	v.CreateBucket("fleet")
	answers := func() bool {
		res, err := http.Get(v.URL() + "/fleet")
		if err != nil {
			return false
		}
		_ = res.Body.Close()
		return res.StatusCode == http.StatusForbidden // unsigned: the server is there and says no
	}
	if !answers() {
		t.Error("no answer after start")
	}
	v.Stop()
	if answers() {
		t.Error("an answer after stop")
	}
	v.Restart()
	if !answers() {
		t.Error("no answer after restart")
	}
}
