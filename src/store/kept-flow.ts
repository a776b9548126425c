import type { FlowOwner } from '../flows/pending-flow.ts';
import { PendingFlow } from '../flows/pending-flow.ts';
import { ResumableHandle, type ResumableFlow } from '../flows/resumable-flow.ts';
import type { BeginOptions } from '../model/flow.ts';
import type { StoredFlow } from '../model/flow-store.ts';
import { textOfFlow } from '../model/saved-flow.ts';

/** A flow of a stored host: this process waits for it, and another one may take it up. */
export class KeptFlow extends PendingFlow implements ResumableFlow {
  readonly stored: StoredFlow;
  readonly #options: BeginOptions;
  readonly #startsAt: string | undefined;
  #handle: ResumableHandle | undefined = undefined;

  /**
   * @param startsAt Start URL of a flow that is bound to the browser.
   * @param verifier Verifier of a flow that another process has begun.
   */
  constructor(
    owner: FlowOwner,
    stored: StoredFlow,
    options: BeginOptions,
    startsAt: string | undefined,
    verifier?: string,
  ) {
    const { id, state, expiresAt, expectation } = stored;
    super(owner, id, state, expiresAt, expectation, undefined, verifier);
    this.redirectUri = stored.redirectUri;
    this.stored = stored;
    this.#options = options;
    this.#startsAt = startsAt;
  }

  override get handle(): ResumableHandle {
    return (this.#handle ??= new ResumableHandle(this));
  }

  toResumable(): string {
    const { id: flowId, state, codeVerifier, redirectUri, binding } = this;
    const { key, expiresAt } = this.stored;
    const startsAt = this.#startsAt;
    return textOfFlow(
      {
        ...{ flowId, state, key, codeVerifier, redirectUri, expiresAt },
        ...(startsAt !== undefined && { startsAt }),
        ...(binding !== 'none' && { binding }),
      },
      this.#options,
    );
  }
}
