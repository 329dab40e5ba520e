package main

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/sluicehq/sluice/channels/auth"
)

// tokens issues and verifies JSON Web Tokens. What makes a verifier safe is what it does not
// leave to the token: the algorithm, the keys, the issuer, the audience, and that there is
// an end.
type tokens struct {
	issuer   string
	audience string
	keys     map[string]ed25519.PublicKey // by kid: the only use that is made of one
	kid      string                       // of the key that signs
	private  ed25519.PrivateKey
	lifetime time.Duration
}

// issue returns a token for a user, and when it ends.
func (t *tokens) issue(userID string) (string, time.Time, error) {
	now := time.Now()
	ends := now.Add(t.lifetime)
	token := jwt.NewWithClaims(jwt.SigningMethodEdDSA, jwt.RegisteredClaims{
		Issuer:    t.issuer,
		Audience:  jwt.ClaimStrings{t.audience},
		Subject:   userID,
		IssuedAt:  jwt.NewNumericDate(now),
		ExpiresAt: jwt.NewNumericDate(ends),
	})
	token.Header["kid"] = t.kid
	signed, err := token.SignedString(t.private)
	return signed, ends, err
}

// verify is an auth.Verifier. It says whose token it is; the gate then loads the user, so
// that who was locked out is out, whatever the token says.
func (t *tokens) verify(_ context.Context, text string) (auth.Grant, error) {
	var claims jwt.RegisteredClaims
	_, err := jwt.ParseWithClaims(text, &claims, t.key,
		jwt.WithValidMethods([]string{jwt.SigningMethodEdDSA.Alg()}),
		jwt.WithIssuer(t.issuer),
		jwt.WithAudience(t.audience),
		jwt.WithExpirationRequired(),
		jwt.WithIssuedAt(),
		jwt.WithStrictDecoding())
	if err == nil && (claims.Subject == "" || claims.IssuedAt == nil) {
		err = errors.New("no subject, or no time of issue")
	}
	if err != nil {
		return auth.Grant{}, fmt.Errorf("%w: %w", auth.ErrDenied, err)
	}
	return auth.Grant{
		UserID:  claims.Subject,
		Issued:  claims.IssuedAt.Time,
		Expires: claims.ExpiresAt.Time,
	}, nil
}

// key selects among the keys there are; nothing is fetched or opened by a name in a token.
func (t *tokens) key(token *jwt.Token) (any, error) {
	kid, _ := token.Header["kid"].(string)
	if key, ok := t.keys[kid]; ok {
		return key, nil
	}
	return nil, errors.New("unknown key")
}
