// An OpenID Connect provider as a company has one: `node provider.mjs '{"base": "http://127.0.0.1:8000", ...}'` prints its
// issuer and serves until killed. Under /control/ a test changes people, keys and sessions.

import { generateKeyPairSync, randomUUID } from "node:crypto";
import { createServer } from "node:http";
import Provider from "oidc-provider";

const options = JSON.parse(process.argv[2]);
const people = new Map(Object.entries(options.people));
const cookieKeys = [randomUUID()];
let provider;
let keys = [];

const TYPES = {
  RS256: ["rsa", { modulusLength: 2048 }],
  PS256: ["rsa", { modulusLength: 2048 }],
  ES256: ["ec", { namedCurve: "P-256" }],
  EdDSA: ["ed25519", {}],
};

function makeKey(alg) {
  const { privateKey } = generateKeyPairSync(...TYPES[alg]);
  return { ...privateKey.export({ format: "jwk" }), kid: randomUUID(), alg, use: "sig" };
}

function makeProvider(issuer, alg) {
  const client = {
    client_id: "chatapp",
    client_secret: options.secret,
    redirect_uris: [`${options.base}/accounts/oidc/sso/login/callback/`],
    post_logout_redirect_uris: [`${options.base}/accounts/login/`],
    backchannel_logout_uri: `${options.base}/accounts/oidc/sso/backchannel-logout/`,
    backchannel_logout_session_required: true,
    id_token_signed_response_alg: alg,
    token_endpoint_auth_method: options.auth ?? "client_secret_basic",
  };
  const made = new Provider(issuer, {
    clients: [client],
    jwks: { keys },
    cookies: { keys: cookieKeys },
    pkce: { required: () => true },
    claims: {
      openid: ["sub"],
      profile: ["name", "given_name", "family_name", "preferred_username", "groups"],
      email: ["email", "email_verified"],
    },
    enabledJWA: { idTokenSigningAlgValues: Object.keys(TYPES) },
    // Its own fetch refuses addresses of this machine, where the product under test is.
    fetch: (url, { dispatcher, ...rest }) => fetch(url, rest),
    features: {
      devInteractions: { enabled: false },
      backchannelLogout: { enabled: true },
      rpInitiatedLogout: { enabled: true, logoutSource: askToSignOut },
    },
    findAccount: (_ctx, sub) => people.has(sub) && { accountId: sub, claims: () => ({ sub, ...people.get(sub) }) },
    interactions: { url: (_ctx, interaction) => `/interaction/${interaction.uid}` },
    loadExistingGrant: async (ctx) => {
      const grant = new ctx.oidc.provider.Grant({
        clientId: ctx.oidc.client.clientId,
        accountId: ctx.oidc.session.accountId,
      });
      grant.addOIDCScope("openid profile email");
      await grant.save();
      return grant;
    },
    ttl: { AccessToken: 600, AuthorizationCode: 60, IdToken: 600, Interaction: 600, Session: 3600, Grant: 3600 },
  });
  made.on("server_error", (_ctx, error) => console.error(error));
  made.on("backchannel.error", (_ctx, error) => console.error(error));
  return made;
}

// The default page loads a font from the net.
async function askToSignOut(ctx, form) {
  ctx.body = `<!doctype html><title>Sign out</title>${form}
    <button type="submit" form="op.logoutForm" value="yes" name="logout">Yes, sign me out</button>`;
}

async function read(request) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

const CONTROL = {
  people: (body) => people.set(body.sub, body.claims),
  rotate: (body) => {
    keys = [makeKey(body.alg ?? "RS256"), ...(body.keep ? keys : [])];
    provider = makeProvider(provider.issuer, body.alg ?? "RS256");
  },
  // What ending a session in another application does.
  logout: async (body) => {
    const client = await provider.Client.find("chatapp");
    await client.backchannelLogout(body.sub, body.sid);
  },
};

async function interact(request, response) {
  if (request.method === "POST") {
    const form = new URLSearchParams(await read(request));
    const result = { login: { accountId: form.get("login") } };
    return provider.interactionFinished(request, response, result, { mergeWithLastSubmission: false });
  }
  response.setHeader("Content-Type", "text/html");
  response.end(
    '<!doctype html><title>Company sign-in</title><form method="post"><label>Who are you? <input name="login"></label><button>Go</button></form>',
  );
}

const server = createServer(async (request, response) => {
  const { pathname } = new URL(request.url, "http://localhost");
  try {
    if (pathname.startsWith("/control/")) {
      await CONTROL[pathname.slice("/control/".length)](JSON.parse(await read(request)));
      response.end();
    } else if (pathname === "/favicon.ico") {
      response.statusCode = 204;
      response.end();
    } else if (pathname.startsWith("/interaction/")) {
      await interact(request, response);
    } else {
      await provider.callback()(request, response);
    }
  } catch (error) {
    console.error(error);
    response.statusCode = 500;
    response.end(String(error));
  }
});

server.listen(options.port ?? 0, "127.0.0.1", () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  keys = [makeKey("RS256")];
  provider = makeProvider(issuer, "RS256");
  console.log(issuer);
});
