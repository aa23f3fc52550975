/** A refusal of the API, or a server that cannot be reached (`status` 0). */
export class ApiError extends Error {
  readonly status: number;
  /** SWR's code, such as `SVCSTG.SWR.4001029`; empty when the answer carried none. */
  readonly code: string;
  /** By which the operator finds the request in the log; empty when none was answered. */
  readonly requestId: string;
  /** Who was recognised, which rule said no, and what helps; empty when the answer says nothing more. */
  readonly detail: string;
  /** In how many seconds it is worth trying again; none when the server does not say. */
  readonly retryAfter: number | undefined;

  constructor(status: number, code: string, message: string, requestId: string, more: { detail?: string; retryAfter?: number | undefined } = {}) {
    super(message);
    this.name = 'ApiError';
    this.status = status;
    this.code = code;
    this.requestId = requestId;
    this.detail = more.detail ?? '';
    this.retryAfter = more.retryAfter;
  }
}

/** The error of an answer: the management API's shape, IAM's, or whatever text there is. */
export async function errorOf(response: Response): Promise<ApiError> {
  const requestId = response.headers.get('x-request-id') ?? '';
  const text = await response.text().catch(() => '');
  const body = parsed(text);
  const code = word(body['error_code']) || word(body['errorCode']);
  const message = word(body['error_msg']) || word(body['errorMessage']);
  const first = Array.isArray(body['errors']) ? record(body['errors'][0]) : undefined;
  const seconds = Number(response.headers.get('retry-after') ?? Number.NaN);
  return new ApiError(response.status, code, message || `${response.status} ${response.statusText}`, requestId, {
    detail: word(first?.['detail']),
    retryAfter: Number.isFinite(seconds) ? seconds : undefined,
  });
}

function parsed(text: string): Record<string, unknown> {
  try {
    return record(JSON.parse(text)) ?? {};
  } catch {
    return {};
  }
}

function record(value: unknown): Record<string, unknown> | undefined {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
}

function word(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
