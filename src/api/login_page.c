// How a command line gets a login token through a browser (spec/platform-api.md §3.1): it listens on a port of its own
// machine and opens "/" or "/signup" here; the form posts, and the answer leads the browser back to that port with the
// token. Nothing but localhost is ever led to, and no token comes into a log line or a page's cache.

#include <stdlib.h>
#include <string.h>

#include "api/errors.h"
#include "api/form.h"
#include "api/handlers.h"
#include "net/server.h"
#include "platform/invite.h"

enum { PORT_MAX = 65535, STATE_CHARACTERS_MAX = 256, NO_PORT = 0 };

enum page { PAGE_LOGIN, PAGE_SIGNUP };

static const char style[] =
	"body{font:16px/1.5 system-ui,sans-serif;max-width:24em;margin:4em auto;padding:0 1em}"
	"label{display:block;margin:1em 0}input{font:inherit;width:100%;box-sizing:border-box;padding:.4em}"
	"button{font:inherit;padding:.4em 1.2em}code{overflow-wrap:anywhere}.no{color:#b00}"
	"@media(prefers-color-scheme:dark){body{background:#111;color:#ddd}.no{color:#f77}}";

// Where the browser is to go afterwards.
struct way_back {
	int port; // of localhost; NO_PORT shows the token in a page
	const char *state;
};

static bool read_port(const char *text, int *out)
{
	size_t length = text ? strspn(text, "0123456789") : 0;
	long port = length > 0 && length <= 5 && text[length] == '\0' ? strtol(text, NULL, 10) : 0;
	*out = (int)port;
	return port >= 1 && port <= PORT_MAX;
}

static bool read_way_back(const char *port, const char *redirect, const char *state, struct way_back *out,
			  struct error *err)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
	*out = (struct way_back){.port = NO_PORT, .state = state ? state : ""};
	bool leads_back = redirect ? strcmp(redirect, "true") == 0 : port != NULL;
	if (redirect && !leads_back && strcmp(redirect, "false") != 0)
		return error_set(err, ERR_BAD_REQUEST, "redirect must be true or false");
	if (leads_back && !read_port(port, &out->port))
		return error_set(err, ERR_BAD_REQUEST, "port must be a whole number from 1 to %d", PORT_MAX);
	if (strlen(out->state) > STATE_CHARACTERS_MAX || out->state[strspn(out->state, plain)] != '\0')
		return error_set(err, ERR_BAD_REQUEST,
				 "state must have at most %d of A-Z, a-z, 0-9, \"-\", \".\", \"_\" and \"~\"",
				 STATE_CHARACTERS_MAX);
	return true;
}

// -- pages --------------------------------------------------------------------------------------------

static void begin_page(struct api_request *req, int status, const struct way_back *back, const char *title)
{
	struct buffer *out = net_reply_body(req->net);
	// Browsers hold a form to its policy after a redirect, too.
	const char *target = back->port ? arena_printf(req->arena, " http://localhost:%d", back->port) : "";
	net_reply_status(req->net, status);
	net_reply_type(req->net, "text/html; charset=utf-8");
	net_reply_header(req->net, "Content-Security-Policy",
			 arena_printf(req->arena,
				      "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'%s;"
				      " frame-ancestors 'none'; base-uri 'none'",
				      target));
	net_reply_header(req->net, "X-Content-Type-Options", "nosniff");
	net_reply_header(req->net, "Referrer-Policy", "no-referrer");
	net_reply_header(req->net, "Cache-Control", "no-store");
	buffer_truncate(out, 0);
	buffer_printf(out,
		      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>%s</title>\n"
		      "<meta name=\"viewport\" content=\"width=device-width\">\n<style>%s</style></head>\n"
		      "<body><h1>%s</h1>\n",
		      title, style, title);
}

static void end_page(struct api_request *req)
{
	buffer_append_text(net_reply_body(req->net), "</body></html>\n");
}

static void write_input(struct buffer *out, const char *label, const char *name, const char *type,
			const char *hint)
{
	buffer_printf(out, "<label>%s<input name=\"%s\" type=\"%s\" autocomplete=\"%s\" required></label>\n",
		      label, name, type, hint);
}

static void write_hidden(struct buffer *out, const char *name, const char *value)
{
	buffer_printf(out, "<input type=\"hidden\" name=\"%s\" value=\"", name);
	form_escape(out, value);
	buffer_append_text(out, "\">\n");
}

static void show_form(struct api_request *req, enum page page, const struct way_back *back, int status,
		      const char *refusal)
{
	struct buffer *out = net_reply_body(req->net);
	bool signup = page == PAGE_SIGNUP;
	begin_page(req, status, back, signup ? "Accept an invite to Atoll" : "Log in to Atoll");
	if (signup)
		buffer_append_text(out,
				   "<p>Accounts are made by an administrator, or by accepting an invite: "
				   "its token was given to whoever invited you.</p>\n");
	if (refusal) {
		buffer_append_text(out, "<p class=\"no\" role=\"alert\">");
		form_escape(out, refusal);
		buffer_append_text(out, "</p>\n");
	}
	buffer_printf(out, "<form method=\"post\" action=\"%s\">\n", signup ? "/signup" : "/");
	if (signup)
		write_input(out, "Invite", "token", "text", "off");
	write_input(out, signup ? "User name" : "User name or e-mail", "username", "text", "username");
	write_input(out, "Password", "password", "password", signup ? "new-password" : "current-password");
	if (back->port)
		write_hidden(out, "port", arena_printf(req->arena, "%d", back->port));
	write_hidden(out, "redirect", back->port ? "true" : "false");
	if (back->state[0])
		write_hidden(out, "state", back->state);
	buffer_printf(out, "<button>%s</button>\n</form>\n", signup ? "Accept" : "Log in");
	end_page(req);
}

static void show_token(struct api_request *req, const struct way_back *back, const struct session *session)
{
	struct buffer *out = net_reply_body(req->net);
	begin_page(req, 200, back, "Logged in");
	buffer_append_text(out, "<p>Give this token to your command line:</p>\n<p><code>");
	form_escape(out, session->jwt);
	buffer_append_text(out, "</code></p>\n");
	end_page(req);
}

static void lead_back(struct api_request *req, const struct way_back *back, const struct session *session)
{
	begin_page(req, 303, back, "Logged in");
	net_reply_header(req->net, "Location",
			 arena_printf(req->arena, "http://localhost:%d/?jwt=%s%s%s", back->port, session->jwt,
				      back->state[0] ? "&state=" : "", back->state));
	buffer_append_text(net_reply_body(req->net), "<p>You may close this page.</p>\n");
	end_page(req);
}

// -- handlers -----------------------------------------------------------------------------------------

static bool ask(struct api_request *req, enum page page, struct error *err)
{
	struct way_back back = {0};
	if (!read_way_back(api_query(req, "port"), api_query(req, "redirect"), api_query(req, "state"), &back,
			   err))
		return false;
	show_form(req, page, &back, 200, NULL);
	return true;
}

bool api_ask_login(struct api_request *req, struct error *err)
{
	return ask(req, PAGE_LOGIN, err);
}

bool api_ask_signup(struct api_request *req, struct error *err)
{
	return ask(req, PAGE_SIGNUP, err);
}

static const char *field(struct api_request *req, const char *name)
{
	return form_text(net_request_body(req->net), name, req->arena);
}

static bool enter(struct api_request *req, enum page page, struct session *out, struct error *err)
{
	const char *username = field(req, "username");
	const char *password = field(req, "password");
	const char *token = field(req, "token");
	struct invite invite;
	if (!username || !password || (page == PAGE_SIGNUP && !token))
		return error_set(err, ERR_MISSING_FIELD, "fill in every field, please");
	if (page == PAGE_SIGNUP)
		return platform_accept_invite(req->platform, &req->caller, token, username, password,
					      req->arena, &invite, out, &req->retry_ms, err);
	return platform_login(req->platform, username, password, req->caller.address, req->arena, out,
			      &req->retry_ms, err);
}

// People are told by the page what is wrong with what they typed; failures of the server itself are the gate's.
static bool answer(struct api_request *req, enum page page, struct error *err)
{
	struct way_back back = {0};
	struct session session = {0};
	if (!read_way_back(field(req, "port"), field(req, "redirect"), field(req, "state"), &back, err))
		return false;
	if (enter(req, page, &session, err)) {
		if (back.port)
			lead_back(req, &back, &session);
		else
			show_token(req, &back, &session);
		return true;
	}
	int status = api_error_row(err->code)->status;
	if (status >= 500 || status == 429)
		return false;
	show_form(req, page, &back, status, err->message);
	return true;
}

bool api_answer_login(struct api_request *req, struct error *err)
{
	return answer(req, PAGE_LOGIN, err);
}

bool api_answer_signup(struct api_request *req, struct error *err)
{
	return answer(req, PAGE_SIGNUP, err);
}
