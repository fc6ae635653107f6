// Package demo is the Wenyuan school (文源学校): a whole building site to look at
// and to test with. It holds the plan, the people, the devices and what happened
// so far as data, writes them as a history that ends now (Seed), and plays the
// site's devices and supervisors as real MQTT clients (Play).
//
// The site always looks like today: the plan is laid so that today is the day on
// which all units but one are topped out, fit-out has begun, and the roof
// formwork of the library's south part waits for material.
//
// Everything is a pure function of a seed and of time, so that what was seeded
// and what is played fit together and can be played again.
package demo

import (
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"

	"topout/site"
)

// What the demo is known by.
const (
	// Project is the id of the demo's project.
	Project = "wenyuan"
	// Password is that of every log-in of the demo. It is public: a demo is not
	// for real data, and listens on the machine itself unless told otherwise.
	Password = "wenyuan-demo"

	projectName = "文源学校"
	zoneName    = "Asia/Shanghai"
)

// Logins are those that are shown to who starts the demo, one of each role.
var Logins = []string{"supervisor", "owner", "safety", "viewer", "admin"}

//go:embed data
var files embed.FS

// DeviceSecret is the secret of one of the demo's devices, for the demo only: it
// can be computed by anybody, so that `topout simulate` can sign in to a demo
// that runs elsewhere.
func DeviceSecret(id string) string { return open("device", id) }

// Token is the API token, and so the password at the broker, of one of the
// demo's people, for the demo only.
func Token(login string) string { return open("person", login) }

// open makes a secret that is none.
func open(kind, name string) string {
	h := sha256.Sum256([]byte("topout demo, open to all: " + kind + "/" + name))
	return base64.RawURLEncoding.EncodeToString(h[:])
}

// hashSecret is what is kept of a secret, the same as of any other device.
func hashSecret(secret string) [32]byte { return sha256.Sum256([]byte(secret)) }

// person is one of the demo's people. A supervisor reports on the tasks of its
// buildings and trades; the last one in the list on all others.
type person struct {
	Login     string    `json:"login"`
	Name      string    `json:"name"`
	Role      site.Role `json:"role"`
	Project   string    `json:"project"` // empty: the demo's
	Mail      string    `json:"mail"`
	Buildings []string  `json:"buildings"`
	Trades    []string  `json:"trades"`
}

// device is one of the demo's devices.
type device struct {
	ID       string  `json:"id"`
	Kind     string  `json:"kind"`
	Name     string  `json:"name"`
	Place    string  `json:"place"`
	Building string  `json:"building"`
	Since    float64 `json:"since_days"`   // installed so many days before the demo's first day
	Silent   float64 `json:"silent_hours"` // has said nothing for so long; 0: it talks
}

// cast is everybody and everything that acts on the site.
type cast struct {
	People  []person
	Devices []device
	Words   struct {
		Progress  []string `json:"progress"`
		Faults    []string `json:"faults"`
		Fixed     []string `json:"fixed"`
		Rechecked []string `json:"rechecked"`
	}
}

func readCast() (cast, error) {
	var c cast
	if err := readJSON("people", &c.People); err != nil {
		return c, err
	}
	if err := readJSON("devices", &c.Devices); err != nil {
		return c, err
	}
	return c, readJSON("words", &c.Words)
}

func readJSON(name string, into any) error {
	data, err := files.ReadFile("data/" + name + ".json")
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, into); err != nil {
		return fmt.Errorf("data/%s.json: %w", name, err)
	}
	return nil
}

// reporter is the login of who reports on a task.
func (c cast) reporter(t site.Task) string {
	last := ""
	for _, p := range c.People {
		if p.Role != site.RoleSupervisor {
			continue
		}
		if slices.Contains(p.Buildings, t.Building) || slices.Contains(p.Trades, t.Trade) {
			return p.Login
		}
		last = p.Login
	}
	return last
}
