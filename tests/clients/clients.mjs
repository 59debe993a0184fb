// Verifies an access token with the libraries of Node, each in the way that its documentation recommends.
import { createRequire } from "node:module";
import http from "node:http";

const require = createRequire(process.cwd() + "/");
const { ISSUER, AUDIENCE, TOKEN, ALGORITHM } = process.env;
const JWKS = ISSUER + "/.well-known/jwks.json";

const clients = {
  async jose() {
    const { createRemoteJWKSet, jwtVerify } = require("jose");
    const { payload } = await jwtVerify(TOKEN, createRemoteJWKSet(new URL(JWKS)), {
      issuer: ISSUER, audience: AUDIENCE, typ: "at+jwt", algorithms: [ALGORITHM], clockTolerance: 5,
    });
    return payload;
  },
  async "jsonwebtoken with jwks-rsa"() {
    const jwt = require("jsonwebtoken");
    const client = require("jwks-rsa")({ jwksUri: JWKS });
    const key = (header, done) => client.getSigningKey(header.kid, (e, key) => done(e, key?.getPublicKey()));
    return new Promise((resolve, reject) =>
      jwt.verify(TOKEN, key, { issuer: ISSUER, audience: AUDIENCE, algorithms: [ALGORITHM], clockTolerance: 5 },
        (error, payload) => (error ? reject(error) : resolve(payload))));
  },
  async "express-oauth2-jwt-bearer, strict"() {
    const { auth } = require("express-oauth2-jwt-bearer");
    const express = require("express");
    const app = express();
    app.use(auth({ issuer: ISSUER, jwksUri: JWKS, audience: AUDIENCE, tokenSigningAlg: ALGORITHM, strict: true }));
    app.get("/", (request, response) => response.json(request.auth.payload));
    app.use((error, request, response, next) => response.status(error.status ?? 500).json({ error: error.message }));
    const server = http.createServer(app);
    await new Promise((done) => server.listen(0, "127.0.0.1", done));
    const url = `http://127.0.0.1:${server.address().port}/`;
    const answer = await fetch(url, { headers: { Authorization: `Bearer ${TOKEN}` } });
    const body = await answer.json();
    server.close();
    if (!answer.ok) throw new Error(body.error);
    return body;
  },
  async "openid-client, oauth2 discovery"() {
    const openid = await import(require.resolve("openid-client"));
    const config = await openid.discovery(new URL(ISSUER), "gatepost", undefined, undefined, {
      algorithm: "oauth2", execute: [openid.allowInsecureRequests],
    });
    const metadata = config.serverMetadata();
    for (const name of ["token_endpoint", "introspection_endpoint", "revocation_endpoint", "jwks_uri"]) {
      if (!metadata[name]) throw new Error(`no ${name}`);
    }
    return { client_id: "gatepost" };
  },
};

for (const [name, verify] of Object.entries(clients)) {
  try {
    const payload = await verify();
    if (payload.client_id !== "gatepost") throw new Error(`client_id is ${payload.client_id}`);
    console.log(`${name}\tok`);
  } catch (error) {
    console.log(`${name}\t${error.name}: ${String(error.message).split("\n")[0]}`);
  }
}
process.exit(0);
