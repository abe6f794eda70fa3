"""The Python runtime of the embedded AWS.

Loads the handler that _HANDLER names and speaks the Lambda runtime API. Rules:
"Define Lambda function handler in Python" and "Using the Lambda context object
to retrieve Python function information".
"""

import http.client
import importlib
import json
import os
import sys
import time
import traceback

ROOT = os.environ["LAMBDA_TASK_ROOT"]
API = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])


def api(method, where, body=None):
    API.request(method, "/2018-06-01/runtime" + where, body=body)
    response = API.getresponse()
    return response.headers, response.read()


class InitError(Exception):
    """A handler that cannot be loaded; its first argument is Lambda's name for why."""


class Context:
    def __init__(self, headers):
        self.aws_request_id = headers["Lambda-Runtime-Aws-Request-Id"]
        self.invoked_function_arn = headers["Lambda-Runtime-Invoked-Function-Arn"]
        self.function_name = os.environ["AWS_LAMBDA_FUNCTION_NAME"]
        self.function_version = os.environ["AWS_LAMBDA_FUNCTION_VERSION"]
        self.memory_limit_in_mb = os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]
        self.log_group_name = os.environ["AWS_LAMBDA_LOG_GROUP_NAME"]
        self.log_stream_name = os.environ["AWS_LAMBDA_LOG_STREAM_NAME"]
        self.identity = None
        self.client_context = None
        self._deadline = int(headers["Lambda-Runtime-Deadline-Ms"])

    def get_remaining_time_in_millis(self):
        return max(self._deadline - int(time.time() * 1000), 0)


def load():
    handler = os.environ.get("_HANDLER", "")
    module, dot, name = handler.rpartition(".")
    if not dot:
        raise InitError("Runtime.MalformedHandlerName", "Bad handler '%s': not enough values to unpack (expected 2, got 1)" % handler)
    if module.split(".")[0] in sys.builtin_module_names:
        raise InitError("Runtime.BuiltInModuleConflict", "Cannot use built-in module %s as a handler module" % module)
    sys.path.insert(0, ROOT)
    try:
        loaded = importlib.import_module(module.replace("/", "."))
    except ImportError as error:
        raise InitError("Runtime.ImportModuleError", "Unable to import module '%s': %s" % (module, error)) from error
    except SyntaxError as error:
        raise InitError("Runtime.UserCodeSyntaxError", "Syntax error in module '%s': %s" % (module, error)) from error
    if not hasattr(loaded, name):
        raise InitError("Runtime.HandlerNotFound", "Handler '%s' missing on module '%s'" % (name, module))
    return getattr(loaded, name)


def report(error, request_id=""):
    kind, message = type(error).__name__, str(error)
    if isinstance(error, InitError):
        kind, message = error.args
    body = {"errorMessage": message, "errorType": kind, "requestId": request_id, "stackTrace": traceback.format_tb(error.__traceback__)}
    print("[ERROR] %s: %s" % (kind, message))
    return json.dumps(body).encode()


def marshal(answer):
    try:
        return json.dumps(answer, ensure_ascii=False).encode()
    except (TypeError, ValueError) as error:
        raise InitError("Runtime.MarshalError", "Unable to marshal response: %s" % error) from error


def main():
    try:
        handler = load()
    except BaseException as error:  # whatever the user's module raises
        api("POST", "/init/error", report(error))
        sys.exit(1)
    while True:
        headers, event = api("GET", "/invocation/next")
        context = Context(headers)
        where = "/invocation/" + context.aws_request_id
        try:
            answer = marshal(handler(json.loads(event or b"{}"), context))
        except Exception as error:
            api("POST", where + "/error", report(error, context.aws_request_id))
        else:
            api("POST", where + "/response", answer)


main()
