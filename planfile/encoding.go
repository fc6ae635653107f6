package planfile

import (
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/simplifiedchinese"
)

// decodeText turns text whose encoding nobody says into UTF-8: what is valid
// UTF-8 stays; else it is GBK (GB 18030) when its bytes above ASCII come in pairs,
// as Chinese does, or cp1252, in which they mostly stand alone.
func decodeText(b []byte) []byte {
	if utf8.Valid(b) {
		return b
	}
	var enc encoding.Encoding = charmap.Windows1252
	if paired(b) {
		enc = simplifiedchinese.GB18030
	}
	out, err := enc.NewDecoder().Bytes(b)
	if err != nil {
		return b // these decoders replace what they do not know
	}
	return out
}

// paired reports whether most runs of bytes above ASCII are of even length.
func paired(b []byte) bool {
	even, odd, run := 0, 0, 0
	end := func() {
		switch {
		case run == 0:
		case run%2 == 0:
			even++
		default:
			odd++
		}
		run = 0
	}
	for _, c := range b {
		if c >= 0x80 {
			run++
		} else {
			end()
		}
	}
	end()
	return even > 4*odd
}
