/** Generates an AsyncAPI 3 document of the protocol from the schemas that the service validates messages with. */
import { toJsonSchema } from '@valibot/to-json-schema';
import { clientMessage, closeCodes, serviceMessage, subprotocol } from '../src/wire/protocol.ts';

const summaries: Readonly<Record<string, string>> = {
  begin: 'Begins a flow. The same state and key again give the same flow.',
  start: 'Sets the URL that the start URL of a flow leads to.',
  confirm: 'Passes on the code that a person has typed in.',
  resume: 'Takes up a flow that was begun on another connection.',
  ack: 'Says that the program has the results of these flows.',
  cancel: 'Ends a flow without a response.',
  settle: 'Says how the sign-in ended, for the page that waits.',
  leave: 'Cancels and forgets every flow of this connection, and closes it.',
  watch: 'Asks for the redacted feed.',
  ping: 'Asks for a sign of life.',
  welcome: 'Opens each connection.',
  begun: 'Says that the flow is registered.',
  resumed: 'Says that this connection listens for the flow.',
  failed: 'Says that a request for a flow has failed.',
  started: 'Says that the start URL leads on.',
  confirmed: 'Says that the code is right.',
  result: 'Says how a flow ended. Sent again until it is acknowledged.',
  lost: 'Says that this connection has the flow no longer.',
  acknowledged: 'Says which flows the service has forgotten.',
  watching: 'Says where the feed begins.',
  event: 'One event of the feed.',
  pending: 'Number of flows that wait at this node.',
  service: 'What the node is and has now, and how sign-ins have ended there.',
  flows: 'The flows that wait at this node, the oldest first.',
  pong: 'The answer to `ping`.',
};

/**
 * Bounds that the service checks after the schema, by message and member. A message beyond them is answered `failed`.
 *
 * `state` must also have at least 4 different characters, which JSON Schema cannot say.
 */
export const bounds: Readonly<Record<string, Readonly<Record<string, object>>>> = {
  begin: {
    state: { pattern: '^[\\x20-\\x7e]{22,512}$' },
    ttl: { type: 'integer', minimum: 1, maximum: 86_400_000 },
    issuer: { maxLength: 2_048 },
    context: { pattern: '^(?!\\.{1,2}$)[\\w.-]{1,128}$' },
  },
};

type Messages = Record<string, object>;

function messagesOf(schema: typeof clientMessage | typeof serviceMessage): Messages {
  return Object.fromEntries(
    schema.options.map((option) => {
      const name = option.entries.type.literal;
      // The document names the draft of JSON Schema for all messages.
      const payload = { ...toJsonSchema(option, { errorMode: 'ignore' }), $schema: undefined };
      const properties = Object.fromEntries(
        Object.entries(payload.properties ?? {}).map(([member, type]) => [
          member,
          { ...(type as object), ...bounds[name]?.[member] },
        ]),
      );
      const message = { name, summary: summaries[name], contentType: 'application/json' };
      return [name, { ...message, payload: { ...payload, properties } }];
    }),
  );
}

function refs(messages: Messages, to: string): object[] {
  return Object.keys(messages).map((name) => ({ $ref: `${to}/${name}` }));
}

export function asyncApi(version: string): object {
  const said = messagesOf(clientMessage);
  const heard = messagesOf(serviceMessage);
  const all = { ...said, ...heard };
  const inChannel = '#/channels/bridge/messages';
  return {
    asyncapi: '3.0.0',
    info: {
      title: 'rx-oauth-callback bridge',
      version,
      description: `WebSocket subprotocol ${subprotocol}. PROTOCOL.md has the delivery contract.`,
      license: { name: 'MIT' },
    },
    servers: {
      service: {
        host: 'sign-in.example',
        protocol: 'wss',
        security: [
          { $ref: '#/components/securitySchemes/token' },
          { $ref: '#/components/securitySchemes/ticket' },
        ],
      },
    },
    channels: {
      bridge: {
        address: '/bridge',
        messages: Object.fromEntries(
          Object.keys(all).map((name) => [name, { $ref: `#/components/messages/${name}` }]),
        ),
        bindings: { ws: { method: 'GET', bindingVersion: '0.1.0' } },
        'x-subprotocol': subprotocol,
        'x-close-codes': closeCodes,
      },
    },
    operations: {
      toService: {
        action: 'receive',
        channel: { $ref: '#/channels/bridge' },
        messages: refs(said, inChannel),
      },
      toClient: {
        action: 'send',
        channel: { $ref: '#/channels/bridge' },
        messages: refs(heard, inChannel),
      },
    },
    components: {
      messages: all,
      securitySchemes: {
        token: { type: 'http', scheme: 'bearer', description: 'Token of a program.' },
        ticket: {
          type: 'httpApiKey',
          in: 'header',
          name: 'Sec-WebSocket-Protocol',
          description: 'Single-use ticket of a page, as a second subprotocol `ticket.TICKET`.',
        },
      },
    },
  };
}
