#include "platform/login.h"

#include "api/body.h"
#include "api/handlers.h"
#include "api/views.h"
#include "net/server.h"

bool api_login(struct api_request *req, struct error *err)
{
	struct json_fields fields = api_fields(req);
	const char *username = body_text(&fields, "username", JSON_OPTIONAL);
	const char *email = body_text(&fields, "email", JSON_OPTIONAL);
	const char *password = body_text(&fields, "password", JSON_REQUIRED);
	if (!username && !email)
		json_fields_fail(&fields, ERR_MISSING_FIELD, "username is required");
	if (username && email)
		json_fields_fail(&fields, ERR_BAD_REQUEST, "exactly one of email and username is needed");
	if (!json_fields_ok(&fields, err))
		return false;

	struct session session;
	if (!platform_login(req->platform, username ? username : email, password, req->caller.address,
			    req->arena, &session, &req->retry_ms, err))
		return false;
	net_reply_header(req->net, "Cache-Control", "no-store");
	view_session(&req->out, &session);
	return true;
}

bool api_end_sessions(struct api_request *req, struct error *err)
{
	int64_t valid_from_ms;
	if (!platform_end_sessions(req->platform, &req->caller, &valid_from_ms, err))
		return false;
	view_sessions_ended(&req->out, valid_from_ms);
	return true;
}
