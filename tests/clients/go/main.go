// Verifies an access token with the libraries of Go, each in the way that its documentation recommends.
package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/MicahParks/keyfunc/v3"
	"github.com/golang-jwt/jwt/v5"
	"github.com/lestrrat-go/jwx/v3/jwk"
	jwxt "github.com/lestrrat-go/jwx/v3/jwt"
)

var (
	issuer, audience  = os.Getenv("ISSUER"), os.Getenv("AUDIENCE")
	token, algorithm  = os.Getenv("TOKEN"), os.Getenv("ALGORITHM")
	jwks              = issuer + "/.well-known/jwks.json"
)

func golangJwt() (string, error) {
	keys, err := keyfunc.NewDefaultCtx(context.Background(), []string{jwks})
	if err != nil {
		return "", err
	}
	claims := jwt.MapClaims{}
	_, err = jwt.ParseWithClaims(token, claims, keys.Keyfunc, jwt.WithIssuer(issuer), jwt.WithAudience(audience),
		jwt.WithValidMethods([]string{algorithm}), jwt.WithLeeway(5*time.Second), jwt.WithExpirationRequired())
	id, _ := claims["client_id"].(string)
	return id, err
}

func jwx() (string, error) {
	set, err := jwk.Fetch(context.Background(), jwks)
	if err != nil {
		return "", err
	}
	parsed, err := jwxt.Parse([]byte(token), jwxt.WithKeySet(set), jwxt.WithIssuer(issuer),
		jwxt.WithAudience(audience), jwxt.WithAcceptableSkew(5*time.Second))
	if err != nil {
		return "", err
	}
	var id string
	err = parsed.Get("client_id", &id)
	return id, err
}

func main() {
	for _, client := range []struct {
		name   string
		verify func() (string, error)
	}{{"golang-jwt with keyfunc", golangJwt}, {"jwx", jwx}} {
		id, err := client.verify()
		result := "ok"
		if err != nil {
			result = strings.SplitN(err.Error(), "\n", 2)[0]
		} else if id != "gatepost" {
			result = "client_id is " + id
		}
		fmt.Printf("%s\t%s\n", client.name, result)
	}
}
