// Asks an independent library for the status of two tokens, of which the first one's session is over.
import { createRequire } from "node:module";

const require = createRequire(process.cwd() + "/");
const { getListFromStatusListJWT, getStatusListFromJWT } = require("@sd-jwt/jwt-status-list");
const { createRemoteJWKSet, jwtVerify } = require("jose");
const keys = createRemoteJWKSet(new URL(process.env.ISSUER + "/.well-known/jwks.json"));

const said = [];
for (const token of process.argv.slice(2)) {
  const { idx, uri } = getStatusListFromJWT(token);
  const answer = await fetch(uri, { headers: { Accept: "application/statuslist+jwt" } });
  const list = await answer.text();
  await jwtVerify(list, keys, { typ: "statuslist+jwt", subject: uri });
  said.push(getListFromStatusListJWT(list).getStatus(idx));
}
console.log(`jwt-status-list\t${said.join() === "1,0" ? "ok" : said}`);
