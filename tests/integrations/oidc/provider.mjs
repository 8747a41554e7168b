// An OpenID provider for tests, on loopback: PKCE required, refresh tokens that work once, and a grant that ends when one
// is used again. Arguments: port, client id, client secret, redirect URI. It ends with its parent: when stdin closes.
// /control/stats counts; /control/hold?before=ms&after=ms delays token requests before and after they are processed.
import { createServer } from 'node:http';
import Provider from 'oidc-provider';

const [port, client_id, client_secret, redirect_uri] = process.argv.slice(2);
const issuer = `http://127.0.0.1:${port}`;
const stats = { refreshed: 0, refused: 0, revoked_grants: 0, received: 0 };
const hold = { before: 0, after: 0 };

const provider = new Provider(issuer, {
  clients: [{
    client_id, client_secret, redirect_uris: [redirect_uri],
    grant_types: ['authorization_code', 'refresh_token'], response_types: ['code'],
    token_endpoint_auth_method: 'client_secret_basic',
  }],
  pkce: { required: () => true },
  rotateRefreshToken: () => true,
  issueRefreshToken: async (_ctx, client) => client.grantTypeAllowed('refresh_token'),
  features: { devInteractions: { enabled: true }, revocation: { enabled: true }, introspection: { enabled: true } },
  scopes: ['openid', 'offline_access'],
  cookies: { keys: ['only for tests'] },
});
provider.on('grant.success', (ctx) => { if (ctx.oidc.params.grant_type === 'refresh_token') stats.refreshed += 1; });
provider.on('grant.error', () => { stats.refused += 1; });
provider.on('grant.revoked', () => { stats.revoked_grants += 1; });

const sleep = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });
const handle = provider.callback();

createServer(async (request, response) => {
  const url = new URL(request.url, issuer);
  if (url.pathname === '/control/stats') {
    response.setHeader('Content-Type', 'application/json');
    response.end(JSON.stringify(stats));
    return;
  }
  if (url.pathname === '/control/hold') {
    hold.before = Number(url.searchParams.get('before') ?? 0);
    hold.after = Number(url.searchParams.get('after') ?? 0);
    response.end();
    return;
  }
  if (url.pathname === '/token') {
    stats.received += 1;
    let isGone = false;
    response.on('close', () => { isGone = !response.writableEnded; });
    if (hold.before) await sleep(hold.before);
    if (isGone) return;
    if (hold.after) {
      const { after } = hold;
      const end = response.end.bind(response);
      response.end = (...parts) => { setTimeout(() => end(...parts), after); return response; };
    }
  }
  handle(request, response);
}).listen(Number(port), '127.0.0.1', () => console.log('listening'));

process.stdin.on('end', () => process.exit(0)).resume();
setTimeout(() => process.exit(1), 900_000).unref();
