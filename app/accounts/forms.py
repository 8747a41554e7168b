"""Forms of users and teams. Services validate again; their errors are shown beside the same fields."""

from wtforms import EmailField, Field, PasswordField, SelectField, StringField
from wtforms.form import BaseForm
from wtforms.validators import DataRequired, InputRequired, Length, Optional, Regexp, ValidationError

from app.accounts import rules
from app.web.forms import Form as Form  # also for who imports it from here
from app.web.permissions import Role


def strip(value: str | None) -> str | None:
    """Return text without surrounding white space; a filter for fields."""
    return value.strip() if value else value


def valid_email(_form: BaseForm, field: Field) -> None:
    """Refuse what cannot be an address; a validator for fields."""
    try:
        field.data = rules.normal_email(field.data)
    except ValueError as error:
        raise ValidationError(str(error)) from None


_PASSWORD_HINT = f"At least {rules.PASSWORD_CHARS_MIN} characters. A few words in a row are easy to remember."


def _name_field() -> StringField:
    return StringField(
        "Your name",
        filters=[strip],
        validators=[
            DataRequired("Enter your name."),
            Length(
                max=rules.USER_NAME_CHARS_MAX, message=f"Use at most {rules.USER_NAME_CHARS_MAX} characters."
            ),
        ],
    )


def _email_field(label: str = "Email address") -> EmailField:
    return EmailField(
        label, filters=[strip], validators=[DataRequired("Enter an email address."), valid_email]
    )


def _new_password_field(label: str = "Password") -> PasswordField:
    return PasswordField(label, description=_PASSWORD_HINT, validators=[InputRequired("Choose a password.")])


def _team_name_field(label: str = "Team name") -> StringField:
    return StringField(
        label,
        filters=[strip],
        validators=[
            DataRequired("Give the team a name."),
            Length(
                max=rules.TEAM_NAME_CHARS_MAX, message=f"Use at most {rules.TEAM_NAME_CHARS_MAX} characters."
            ),
        ],
    )


def _current_password_field() -> PasswordField:
    return PasswordField("Your password", validators=[InputRequired("Enter your password.")])


def _code_field(label: str) -> StringField:
    return StringField(
        label,
        description="Six digits. The app shows new ones every half minute.",
        filters=[strip],
        validators=[
            InputRequired("Enter the code that the app shows."),
            Regexp(r"^\s*([0-9]\s*){6}$", message="The code has six digits."),
        ],
    )


def _labelled(roles: tuple[Role, ...]) -> dict[str, str]:
    return {role.value: role.value.capitalize() for role in roles}


class SignInForm(Form):
    email = StringField(
        "Email address", filters=[strip], validators=[DataRequired("Enter your email address.")]
    )
    password = PasswordField(
        "Password",
        validators=[
            InputRequired("Enter your password."),
            Length(max=rules.PASSWORD_CHARS_MAX, message="No password here is as long as that."),
        ],
    )


class JoinForm(Form):
    """Sign-up through an invitation: the team is there already."""

    name = _name_field()
    email = _email_field()
    password = _new_password_field()


class SignUpForm(JoinForm):
    team_name = _team_name_field()


class ForgotPasswordForm(Form):
    email = _email_field()


class SignInLinkForm(Form):
    email = _email_field()


class ResetPasswordForm(Form):
    password = _new_password_field("New password")


class NameForm(Form):
    name = _name_field()


class EmailForm(Form):
    email = _email_field("New email address")
    current_password = _current_password_field()


class PasswordForm(Form):
    current_password = PasswordField("Current password", validators=[InputRequired("Enter your password.")])
    new_password = _new_password_field("New password")


class EnableSecondFactorForm(Form):
    code = _code_field("Code from the app")
    current_password = _current_password_field()


class SecondFactorForm(Form):
    """Confirms a change of the second factor."""

    current_password = _current_password_field()
    code = StringField(
        "Code from the app, or a recovery code",
        filters=[strip],
        validators=[InputRequired("Enter a code."), Length(max=40, message="No code is as long as that.")],
    )


class CodeForm(Form):
    """The second step of signing in."""

    code = _code_field("Code")


class RecoveryCodeForm(Form):
    """The second step of signing in without the app."""

    code = StringField(
        "Recovery code",
        description="One of those that you kept, such as 7k3m-x0qf-9a2t-hh5w. It works once.",
        filters=[strip],
        validators=[
            InputRequired("Enter a recovery code."),
            Length(max=40, message="No code is as long as that."),
        ],
    )


class LinkForm(Form):
    """Confirms that a company account is linked to this one, or unlinked."""

    current_password = _current_password_field()


class TeamForm(Form):
    name = _team_name_field()


class InviteForm(Form):
    email = EmailField(
        "Email address",
        description="The link is mailed there, and only this address can accept. Empty: whoever has the link can.",
        filters=[strip],
        validators=[Optional(), valid_email],
    )
    role = SelectField("Role")

    def offer(self, roles: tuple[Role, ...]) -> None:
        """Let the form choose among these roles."""
        self.role.choices = _labelled(roles)


class RoleForm(Form):
    role = SelectField("Role", choices=_labelled(tuple(Role)))
