"""Code to copy: a webhook over the API, and what verifies a delivery (Standard Webhooks 1.0.0) in five languages."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Snippet:
    """A function in one language."""

    key: str
    language: str
    code: str


_CREATION = """curl {url}/api/v1/webhooks \\
  -H "Authorization: Bearer $SIGNALBOX_API_KEY" \\
  -H "Content-Type: application/json" \\
  -d '{{
    "name": "Demo receiver",
    "url": "http://127.0.0.1:{port}/ok",
    "event_types": ["post.*"]
  }}'
"""

_PYTHON = '''import base64, hmac, time

def verify(secret, headers, body):
    """Raise ValueError unless Signalbox sent `body` (the raw bytes) within the last five minutes."""
    message_id, sent_at = headers["webhook-id"], headers["webhook-timestamp"]
    if abs(time.time() - int(sent_at)) > 300:
        raise ValueError("too old")
    key = base64.b64decode(secret.removeprefix("whsec_"))
    mac = hmac.digest(key, f"{message_id}.{sent_at}.".encode() + body, "sha256")
    expected = "v1," + base64.b64encode(mac).decode()
    signatures = headers["webhook-signature"].split()
    if not any(hmac.compare_digest(expected.encode(), given.encode()) for given in signatures):
        raise ValueError("wrong signature")
'''

_NODE = """const { createHmac, timingSafeEqual } = require("node:crypto");

// Throws unless Signalbox sent `body` (the raw Buffer, not parsed JSON) within the last five minutes.
function verify(secret, headers, body) {
  const id = headers["webhook-id"], sentAt = headers["webhook-timestamp"];
  if (!(Math.abs(Date.now() / 1000 - Number(sentAt)) <= 300)) throw new Error("too old");
  const key = Buffer.from(secret.replace(/^whsec_/, ""), "base64");
  const mac = createHmac("sha256", key).update(`${id}.${sentAt}.`).update(body).digest("base64");
  const expected = Buffer.from("v1," + mac);
  const isValid = headers["webhook-signature"].split(" ").some((given) => {
    const signature = Buffer.from(given);
    return signature.length === expected.length && timingSafeEqual(signature, expected);
  });
  if (!isValid) throw new Error("wrong signature");
}
"""

_PHP = """<?php
// Throws unless Signalbox sent $body (file_get_contents('php://input')) within the last five minutes.
// $headers: array_change_key_case(getallheaders())
function verify(string $secret, array $headers, string $body): void {
    [$id, $sentAt] = [$headers['webhook-id'], $headers['webhook-timestamp']];
    if (abs(time() - (int) $sentAt) > 300) throw new Exception('too old');
    $key = base64_decode(preg_replace('/^whsec_/', '', $secret));
    $expected = 'v1,' . base64_encode(hash_hmac('sha256', "$id.$sentAt.$body", $key, true));
    foreach (explode(' ', $headers['webhook-signature']) as $given) {
        if (hash_equals($expected, $given)) return;
    }
    throw new Exception('wrong signature');
}
"""

_GO = """package receiver

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Verify returns an error unless Signalbox sent body within the last five minutes.
func Verify(secret string, header http.Header, body []byte) error {
	id, sentAt := header.Get("webhook-id"), header.Get("webhook-timestamp")
	seconds, err := strconv.ParseInt(sentAt, 10, 64)
	if err != nil || time.Since(time.Unix(seconds, 0)).Abs() > 5*time.Minute {
		return errors.New("too old")
	}
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	if err != nil {
		return err
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(id + "." + sentAt + "."))
	mac.Write(body)
	expected := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	for _, given := range strings.Fields(header.Get("webhook-signature")) {
		if hmac.Equal([]byte(expected), []byte(given)) {
			return nil
		}
	}
	return errors.New("wrong signature")
}
"""

_RUBY = """require "openssl"

# Raises unless Signalbox sent `body` (request.raw_post) within the last five minutes.
def verify(secret, headers, body)
  id, sent_at = headers["webhook-id"], headers["webhook-timestamp"]
  raise "too old" if (Time.now.to_i - Integer(sent_at, 10)).abs > 300
  key = secret.delete_prefix("whsec_").unpack1("m")
  mac = OpenSSL::HMAC.digest("SHA256", key, "#{id}.#{sent_at}.#{body}")
  expected = "v1," + [mac].pack("m0")
  signatures = headers["webhook-signature"].split
  raise "wrong signature" unless signatures.any? do |given|
    given.bytesize == expected.bytesize && OpenSSL.fixed_length_secure_compare(given, expected)
  end
end
"""

SNIPPETS: tuple[Snippet, ...] = (
    Snippet("python", "Python", _PYTHON),
    Snippet("node", "Node.js", _NODE),
    Snippet("php", "PHP", _PHP),
    Snippet("go", "Go", _GO),
    Snippet("ruby", "Ruby", _RUBY),
)


def creation(public_url: str, *, receiver_port: int) -> str:
    """Return the command that creates a webhook for the demo receiver at this port."""
    return _CREATION.format(url=public_url, port=receiver_port)
