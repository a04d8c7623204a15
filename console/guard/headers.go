package guard

import (
	"net/http"

	"github.com/bulla-dev/bulla/console/sealer/static"
)

// headers are of every answer. A handler may say its own where it knows better: the
// sealer's scripts have a policy that is stricter still.
func headers(h http.Header, secure bool) {
	h.Set("Content-Security-Policy", static.PagePolicy)
	h.Set("X-Content-Type-Options", "nosniff")
	// An address has names of secrets in it. "no-referrer" would have browsers send the
	// forms of these pages with the origin null, as a stranger's frame does.
	h.Set("Referrer-Policy", "same-origin")
	// What stands here is of one person, and of this moment.
	h.Set("Cache-Control", "no-store")
	// A page that opens this one gets no hold of it, and none may load parts of it.
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Permissions-Policy", "accelerometer=(), camera=(), display-capture=(), geolocation=(), "+
		"gyroscope=(), hid=(), idle-detection=(), local-fonts=(), magnetometer=(), microphone=(), midi=(), payment=(), "+
		"screen-wake-lock=(), serial=(), usb=(), xr-spatial-tracking=()")
	if secure {
		h.Set("Strict-Transport-Security", "max-age=31536000")
	}
}
