"""InternalService, as far as keys and the demo meet it; the streams stand in streams.py."""

from typing import Any

from vdl_lora.virtual.answers import bad_token, invalid
from vdl_lora.virtual.model import FIRST_USER, Row, new_id
from vdl_lora.virtual.parsing import identifier
from vdl_lora.virtual.tokens import Caller, sign
from vdl_lora.virtual.wire import common, copy, empty, internal, user

from .base import Service, found, page

VERSION = "4.20.0-test.1"
REGION = "eu868"
_EMAIL = "admin"
_PASSWORD = "admin"  # noqa: S105 - what a fresh ChirpStack has, and everybody knows


class InternalService(Service):
    """What the web interface of ChirpStack calls."""

    @staticmethod
    def admin() -> Caller:
        """Give the caller that the admin is once logged in."""
        return Caller("user", FIRST_USER)

    def settings(self, _request: Any, _caller: Caller) -> Any:
        """Give what the login page needs; anybody may ask."""
        return internal.SettingsResponse(
            openid_connect=internal.OpenIdConnect(login_url="/auth/oidc/login"),
            oauth2=internal.OAuth2(login_url="/auth/oauth2/login"),
            tileserver_url="https://{s}.tile.openstreetmap.org/{z}/{x}/{y}.png",
            map_attribution='&copy; <a href="http://osm.org/copyright">OpenStreetMap</a> contributors',
        )

    def login(self, request: Any, _caller: Caller) -> Any:
        """Give the admin a token that is valid for a day."""
        if (request.email, request.password) != (_EMAIL, _PASSWORD):
            raise bad_token("Invalid username or password")
        return internal.LoginResponse(jwt=sign(self.database.secret, "user", FIRST_USER, self.now()))

    def profile(self, _request: Any, caller: Caller) -> Any:
        """Give the user who asks."""
        user_id = self.may.user(caller)
        return internal.ProfileResponse(user=user.User(id=user_id, is_admin=True, is_active=True, email=_EMAIL))

    def get_version(self, _request: Any, caller: Caller) -> Any:
        """Give the version, to no key."""
        self.may.user(caller)
        return internal.GetVersionResponse(version=VERSION)

    def list_regions(self, _request: Any, caller: Caller) -> Any:
        """List the regions, to no key."""
        self.may.user(caller)
        answer = internal.ListRegionsResponse()
        answer.regions.add(id=REGION, region=common.EU868, description="EU868")
        return answer

    def create_api_key(self, request: Any, caller: Caller) -> Any:
        """Make a key; only this answer holds its token."""
        asked = request.api_key
        if bool(asked.is_admin) == bool(asked.tenant_id):
            raise invalid("either is_admin or tenant_id must be set")
        message = copy(asked)
        if asked.tenant_id:
            message.tenant_id = identifier(asked.tenant_id)
        self.may.user(caller)
        message.id = new_id()
        self.database.api_keys.add(message.id, message, self.now())
        return internal.CreateApiKeyResponse(id=message.id, token=self.token(message.id))

    def delete_api_key(self, request: Any, caller: Caller) -> Any:
        """Delete a key: its next call is denied, its open streams go on."""
        key_id = identifier(request.id)
        self.may.user(caller)
        found(self.database.api_keys, key_id)
        self.database.api_keys.delete(key_id)
        return empty()

    def list_api_keys(self, request: Any, caller: Caller) -> Any:
        """List admin keys, or a tenant's."""
        self.may.user(caller)

        def asked(row: Row) -> bool:
            message = row.message
            return bool(message.is_admin if request.is_admin else message.tenant_id == request.tenant_id)

        rows = sorted(filter(asked, self.database.api_keys), key=lambda row: row.message.name)
        answer = internal.ListApiKeysResponse(total_count=len(rows))
        answer.result.extend(row.message for row in page(rows, request))
        return answer

    def token(self, key_id: str) -> str:
        """Give the token of a key."""
        return sign(self.database.secret, "key", key_id, self.now())
