export interface Answer {
  status: number;
  headers: Record<string, string>;
  body: string | Buffer;
  /** The body's `error_code`, where it has a non-empty one. */
  errorCode: string | undefined;
}

export function json(status: number, body: object, headers: Record<string, string> = {}): Answer {
  return {
    status,
    headers: { 'Content-Type': 'application/json;charset=UTF-8', ...headers },
    body: JSON.stringify(body),
    errorCode:
      'error_code' in body && typeof body.error_code === 'string' && body.error_code !== ''
        ? body.error_code
        : undefined,
  };
}

export function text(status: number, contentType: string, body: string | Buffer): Answer {
  return { status, headers: { 'Content-Type': contentType }, body, errorCode: undefined };
}
