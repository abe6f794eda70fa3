// The Node.js runtime of the embedded AWS: loads the handler that _HANDLER
// names and speaks the Lambda runtime API. Rules: "Define Lambda function
// handler in Node.js" and "AWS Lambda context object in Node.js".
import { existsSync } from "node:fs";
import http from "node:http";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { format } from "node:util";

const [host, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(":");
const root = process.env.LAMBDA_TASK_ROOT;
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
let requestId;

function api(method, where, body, headers = {}) {
  return new Promise((resolve, reject) => {
    const request = http.request({ host, port, method, agent, path: `/2018-06-01/runtime${where}`, headers }, (response) => {
      const chunks = [];
      response.on("data", (chunk) => chunks.push(chunk));
      response.on("end", () => resolve({ headers: response.headers, body: Buffer.concat(chunks).toString() }));
    });
    request.on("error", reject);
    request.end(body);
  });
}

function report(error, type) {
  const isError = error instanceof Error;
  return JSON.stringify({
    errorType: type ?? (isError ? error.name : typeof error),
    errorMessage: isError ? error.message : String(error),
    trace: isError && error.stack ? error.stack.split("\n") : [],
  });
}

for (const [name, level] of Object.entries({ log: "INFO", debug: "DEBUG", info: "INFO", warn: "WARN", error: "ERROR", trace: "TRACE" })) {
  console[name] = (...args) => process.stdout.write(`${new Date().toISOString()}\t${requestId}\t${level}\t${format(...args).replace(/\n/g, "\r")}\n`);
}

class InitError extends Error {
  constructor(name, message) {
    super(message);
    this.name = name;
  }
}

async function load() {
  const handler = process.env._HANDLER ?? "";
  const file = path.basename(handler);
  const dot = file.indexOf(".");
  if (dot < 1 || handler.includes("..")) throw new InitError("Runtime.MalformedHandlerName", "Bad handler");
  const base = path.resolve(root, path.dirname(handler), file.slice(0, dot));
  const found = ["", ".js", ".mjs", ".cjs"].map((extension) => base + extension).find((candidate) => existsSync(candidate));
  if (!found) throw new InitError("Runtime.ImportModuleError", `Error: Cannot find module '${file.slice(0, dot)}'`);
  let module;
  try {
    module = await import(pathToFileURL(found));
  } catch (error) {
    if (error instanceof SyntaxError) throw Object.assign(new InitError("Runtime.UserCodeSyntaxError", String(error)), { stack: error.stack });
    if (error?.code === "ERR_MODULE_NOT_FOUND" || error?.code === "MODULE_NOT_FOUND") throw new InitError("Runtime.ImportModuleError", `Error: ${error.message}`);
    throw error;
  }
  const names = file.slice(dot + 1).split(".");
  const pick = (from) => names.reduce((value, name) => value?.[name], from);
  const chosen = pick(module) ?? pick(module.default);
  if (chosen === undefined) throw new InitError("Runtime.HandlerNotFound", `${handler} is undefined or not exported`);
  if (typeof chosen !== "function") throw new InitError("Runtime.HandlerNotFound", `${handler} is not a function`);
  return chosen;
}

// run settles with the handler's promise, its callback, or null once nothing is
// left to wait for.
function run(handler, event, context) {
  return new Promise((resolve, reject) => {
    const idle = () => resolve(null);
    const settle = (end) => (value) => {
      process.removeListener("beforeExit", idle);
      end(value);
    };
    process.once("beforeExit", idle);
    const callback = (error, value) => (error ? settle(reject)(error) : settle(resolve)(value));
    Object.assign(context, { done: callback, succeed: settle(resolve), fail: settle(reject) });
    try {
      const value = handler(event, context, callback);
      if (typeof value?.then === "function") value.then(settle(resolve), settle(reject));
    } catch (error) {
      settle(reject)(error);
    }
  });
}

function contextOf(headers) {
  const deadline = Number(headers["lambda-runtime-deadline-ms"]);
  return {
    callbackWaitsForEmptyEventLoop: true,
    functionName: process.env.AWS_LAMBDA_FUNCTION_NAME,
    functionVersion: process.env.AWS_LAMBDA_FUNCTION_VERSION,
    memoryLimitInMB: process.env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    logGroupName: process.env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: process.env.AWS_LAMBDA_LOG_STREAM_NAME,
    invokedFunctionArn: headers["lambda-runtime-invoked-function-arn"],
    awsRequestId: requestId,
    getRemainingTimeInMillis: () => deadline - Date.now(),
  };
}

async function fail(error) {
  console.error("Uncaught Exception", report(error));
  const where = requestId ? `/invocation/${requestId}/error` : "/init/error";
  await api("POST", where, report(error)).catch(() => {});
  process.exit(129);
}
process.on("uncaughtException", fail);
process.on("unhandledRejection", (reason) => fail(Object.assign(new Error(String(reason?.message ?? reason)), { name: "Runtime.UnhandledPromiseRejection" })));

const handler = await load().catch(fail);
for (;;) {
  const next = await api("GET", "/invocation/next");
  requestId = next.headers["lambda-runtime-aws-request-id"];
  let where = "response";
  let body;
  try {
    body = JSON.stringify((await run(handler, JSON.parse(next.body || "{}"), contextOf(next.headers))) ?? null);
  } catch (error) {
    where = "error";
    body = report(error);
    console.error("Invoke Error", body);
  }
  await api("POST", `/invocation/${requestId}/${where}`, body);
}
